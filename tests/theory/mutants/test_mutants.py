"""The table of mutants: a factor, a sign or an exponent of each formula is changed, and its check must fail.

Each row runs its check on the module as it is, which must pass, and on a copy of the module with one place of its source
replaced, which must fail.  The series engine has a table of its own, of methods, in test_jets_series.
"""

import pytest

from tests.theory.forms.test_certificate import certified_share
from tests.theory.forms.test_stability import agree
from tests.theory.mutants import checks
from tests.theory.mutants import checks_flows as flows
from tests.theory.mutants.checks_system import derived_system, framed
from tests.theory.mutants.mutated import rejected, rows


def kinds(module):
    agree(module.classify)


def certificates(module):
    assert certified_share(module.certify_batch) > 0.5


PLANAR, SPECTRAL = checks.method_of("planar", 5, 2), checks.method_of("spectral", 2, 4)
LINEAR = checks.method_of("linear", 1, 4)

# check: module of theory, and what is changed: name, old source, new source.
TABLE = {
    checks.leading_terms: ("formula.expansion", [
        ("p: the first order", "range(max(jet.start, 1), jet.end)", "range(max(jet.start, 2), jet.end)"),
        ("q: the next order", "found.append((power, value))", "found.append((power + len(found), value))"),
        ("c: sign", "value = _coefficient(jet, power, field)\n", "value = -_coefficient(jet, power, field)\n"),
    ]),
    checks.activation_properties: ("formula.activation", [
        ("order: Taylor term", "else min(q - p, p + 1)", "else min(q - p + 1, p + 1)"),
        ("order: feedback", "return p + 1 if q is None", "return p if q is None"),
        ("c of the minus side", "plus, minus = ((side.coefficient", "plus, minus = ((-side.coefficient"),
    ]),
    checks.signals: ("losses.loss", [
        ("half-mse", "lambda y: y, _constant(fmpq(1))", "lambda y: 2 * y, _constant(fmpq(1))"),
        ("half-mse curvature", "lambda y: y, _constant(fmpq(1))", "lambda y: y, _constant(fmpq(2))"),
        ("mse", "lambda y: 2 * y, _constant(fmpq(2))", "lambda y: y, _constant(fmpq(2))"),
        ("mse sign", "lambda y: 2 * y, _constant(fmpq(2))", "lambda y: -2 * y, _constant(fmpq(2))"),
        ("logistic", "lambda y: y / 2, _constant", "lambda y: y, _constant"),
        ("logistic curvature", "_constant(fmpq(1, 4))", "_constant(fmpq(1, 2))"),
        ("huber clip", "max(fmpq(-1), min(fmpq(1), y))", "max(fmpq(-2), min(fmpq(2), y))"),
        ("huber curvature", "fmpq(int(abs(y) < 1))", "fmpq(int(abs(y) > 1))"),
        ("cross-entropy share", "share = fmpq(1, hot.shape[1])", "share = fmpq(1, hot.shape[1] - 1)"),
        ("cross-entropy sign", "lambda t: t - share", "lambda t: share - t"),
        ("cross-entropy curvature", "(k - 1) / k**2", "1 / k**2"),
        ("cross-entropy risk", "np.full(len(hot), np.log(hot.shape[1]))", "np.full(len(hot), hot.shape[1])"),
    ]),
    checks.tensor: ("forms.moment_tensor", [
        ("1/n", "scale = signal_unit / n\n", "scale = signal_unit / (n - 1)\n"),
        ("binomial factors", "scale * (value * multiple)", "scale * value"),
        ("power of a unit", "value *= powers[k][degree]", "value *= powers[k][1]"),
        ("Hessian", "entry[w] * multiple[i % width]", "entry[w]"),
        ("Frobenius norm", "total += c * c / m", "total += c * c"),
        ("scale of the Hessian", "np.ldexp(1.0, self.exponent2)", "np.ldexp(2.0, self.exponent2)"),
    ]),
    checks.field: ("fields", [
        ("a': no c", "return c * np.sum", "return np.sum"),
        ("w': no p", "p * c * a[..., None] * slope", "c * a[..., None] * slope"),
        ("w': sign", "p * c * a[..., None] * slope", "-p * c * a[..., None] * slope"),
        ("H", "self.coefficient * a * self.tensor", "self.coefficient * self.tensor"),
        ("K: no p", "self.tensor.order * a * a", "a * a"),
        ("K: sign", "axis=-1) - self", "axis=-1) + self"),
    ]),
    derived_system: ("systems.smooth", [
        ("∂/∂w: no m", "m * c * z ** (m - 1)", "c * z ** (m - 1)"),
        ("u': tangent", "u_dot = push / _r * (slope_x - value", "u_dot = push / _r * (slope_x + value"),
        ("u': 1/r", "u_dot = push / _r *", "u_dot = push *"),
        ("clock", "clock = _a * _r ** (m - 2)", "clock = _a * _r ** (m - 1)"),
        ("K", "equation(_K, _r**2 - m * _a**2)", "equation(_K, _r**2 - _a**2)"),
        ("H", "equation(sympy.Symbol(\"H\"), _a *", "equation(sympy.Symbol(\"H\"), 2 * _a *"),
        ("time scale", "time_exponent=1 - m", "time_exponent=2 - m"),
        ("order: feedback", "_lowest_with(growth_a, _kappa) - order_a", "_lowest_with(growth_a, _kappa) - order_a - 1"),
        ("order: Taylor", "_lowest_with(growth_a, c_next) - order_a", "_lowest_with(growth_a, c_next) - order_a + 1"),
    ]),
    flows.autonomous_flow: ("flows.smooth", [
        ("u': sign", "(c * sin)[:, None] * (slope -", "(-c * sin)[:, None] * (slope -"),
        ("u': sine", "out[:, :-3] = (c * sin)", "out[:, :-3] = (c * cos)"),
        ("ψ': double angle", "cos * np.cos(2 * psi)", "cos * np.cos(psi)"),
        ("r'", "out[:, -2] = c * value * sin", "out[:, -2] = 2 * c * value * sin"),
        ("t': exponent", "(1 - p) * log_r, _FAR", "(2 - p) * log_r, _FAR"),
        ("t': cos ψ", "2 * inside**2 - self.balance", "inside**2 - self.balance"),
        ("start: ψ", "np.arctan2(np.sqrt(p) * a0, r0)", "np.arctan2(p * a0, r0)"),
        ("time left", "((p - 1) * np.sqrt(p) * growth)", "(p * np.sqrt(p) * growth)"),
        ("unit of time", "time * self.rate * self.scale ** (", "time * self.scale ** ("),
        ("a from ψ", "np.tan(psi) * r / np.sqrt(", "np.tan(psi) * r * np.sqrt("),
    ]),
    flows.closed_form: ("flows.linear", [
        ("γ: no c", "float(abs(self.coefficient) * np.linalg", "float(np.linalg"),
        ("ĝ: sign of c", "np.sign(self.coefficient) * self.g / np.linalg", "self.g / np.linalg"),
        ("a(t)", "a0[rows] * cosh + along * sinh", "a0[rows] * cosh - along * sinh"),
        ("w(t)", "along * (cosh - 1) + a0[rows] * sinh", "along * cosh + a0[rows] * sinh"),
        ("angle", "along * np.cosh(self.rate * time)", "along * np.sinh(self.rate * time)"),
        ("growing mode", "self.direction) / 2) ** 2", "self.direction)) ** 2"),
        ("κ: c²", "curvature * flow.coefficient**2", "curvature * flow.coefficient"),
        ("S_δ", "return 2 * fraction * risk", "return fraction * risk"),
        ("horizon: 2γ", "/ (2 * gamma))", "/ gamma)"),
        ("tilt: 3γ", "(3 * self.rate)", "(2 * self.rate)"),
        ("tilt: sign", "return -curvature", "return curvature"),
        ("destination", "np.sign(a0 + w0 @", "np.sign(a0 - w0 @"),
    ]),
    flows.blow_up: ("times.blow_up", [
        ("√p", "inner / (rate * np.sqrt(p)", "inner / (rate * p"),
        ("power of sin", "(sine ** (p - 2))", "(sine ** (p - 1))"),
        ("power of ρ", "scale ** (p - 1))\n", "scale ** p)\n"),
        ("K", "** 2 - p * (a0 / scale) ** 2", "** 2 - (a0 / scale) ** 2"),
        ("balanced: p - 1", "1 / ((order - 1) * rate", "1 / (order * rate"),
        ("balanced: p^{p/2}", "rate * order ** (order / 2)", "rate * order ** order"),
        ("lower bound", "low = size ** (1 - p) / ((p * p - 1)", "low = size ** (1 - p) / ((p * p + 1)"),
        ("upper bound", "size**2 / ((p * p - 1)", "size**2 / ((p - 1)"),
        ("H_max", "/ (order + 1) ** ((order + 1) / 2)", "/ (order + 1) ** (order / 2)"),
    ]),
    flows.alignment: ("times.blow_up", [
        ("M: p - 1", "form = (p - 1) * field", "form = p * field"),
        ("M: sign", "- value * np.eye", "+ value * np.eye"),
        ("exponent: 1/|P|", "np.min(np.abs(spectrum)) / abs(value)", "np.min(np.abs(spectrum)) * abs(value)"),
        ("time: amplitude", "(1 / alignment_exponent(field, u))", "alignment_exponent(field, u)"),
        ("time: balance", "- r0**2) / p)", "- r0**2) * p)"),
        ("p = 1: fading mode", "sign * (along - a0) / 2", "sign * (along + a0) / 3"),
        ("p = 1: root", "4 * grow * fade, 0.0))) / (2", "4 * grow * fade, 0.0))) / (1"),
    ]),
    flows.circle_shares: ("flows.circle", [
        ("chance: p ρ²", "weight = p * ratio**2", "weight = ratio**2"),
        ("chance: root", "math.sqrt(1 / (1 + weight))", "1 / (1 + weight)"),
        ("fall: p P/P'", "np.abs(p * value / slope)", "np.abs(value / slope)"),
        ("fall: e^{-2Δ}", "-np.expm1(-2 * fall)", "-np.expm1(-fall)"),
        ("turners: where to", "(int(origin), Fate.GROWS, turned)", "(int(goal), Fate.GROWS, turned)"),
    ]),
    kinds: ("forms.stability", [
        ("M: factor p - 1", "projector * (hessian * (order - 1)", "projector * (hessian * (order + 1)"),
        ("M: sign of P I", "(order - 1) - identity * value) * proj", "(order - 1) + identity * value) * proj"),
        ("growing", "is Extremum.MAXIMUM) == (sign > 0)", "is Extremum.MAXIMUM) != (sign > 0)"),
        ("dying sign", "(Kind.DYING, -sign)", "(Kind.DYING, sign)"),
        ("maximum", "signs == {-1} else", "signs == {1} else"),
        ("scale of P", "arb(fmpq(2) ** tensor.exponent2)", "arb(fmpq(3) ** tensor.exponent2)"),
    ]),
    PLANAR: ("orientations.tensor.planar", [
        ("next coefficient", "(k + 1) * (c[k + 1]", "k * (c[k + 1]"),
        ("last coefficient", "(p - k + 1) * (c[k - 1]", "(p - k) * (c[k - 1]"),
        ("extremum", "MINIMUM if first > 0 else", "MINIMUM if first < 0 else"),
        ("power of cos", "(len(coefficients) - 1)", "len(coefficients)"),
    ]),
    SPECTRAL: ("orientations.tensor.spectral", [
        ("half of mixed terms", "= c / 2", "= c"),
        ("extremum", "MAXIMUM if below else", "MAXIMUM if above else"),
    ]),
    LINEAR: ("orientations.tensor.linear", [
        ("extremum", "else Extremum.MAXIMUM\n", "else Extremum.MINIMUM\n"),
        ("norm", ".sqrt()  #", "  #"),
    ]),
    checks.enumeration: ("orientations.tensor.homotopy", [
        ("count of lines", "sum((order - 1) ** k for", "sum(order**k for"),
        ("range of the count", "for k in range(dimension))", "for k in range(dimension - 1))"),
    ]),
    checks.start_system: ("orientations.tensor.tracker", [
        ("roots of unity", "k = len(b), order - 2", "k = len(b), order - 1"),
        ("power of b", "base = b ** (-1.0 / k)", "base = b ** (1.0 / k)"),
        ("λ", "norm ** (-float(k)) + 0j", "norm ** float(k) + 0j"),
    ]),
    framed: ("orientations.tensor.frame", [
        ("span in scaled variables", "for w in unseen]) * factors", "for w in unseen]) / factors"),
        ("metric: BᵀB", "logs = 2 * np.log(sizes)", "logs = -2 * np.log(sizes)"),
        ("basis", "basis = factors[:, None] * inside", "basis = inside / factors[:, None]"),
        ("T in the frame", "c * two**e for", "c * two**-e for"),
    ]),
    certificates: ("forms.certificate", [
        ("radius", "radius = 2 * eta", "radius = 0.02 * eta"),
        ("inverse", "step = (inverse @ residual", "step = 0.01 * (inverse @ residual"),
        ("sign of λ u", "- value[:, None] * u\n", "+ value[:, None] * u\n"),
        ("factor p - 1", "(order - 1) * hessian", "order * hessian"),
        ("threshold", "<= 0.5", "<= 1e9"),
        ("patch", "value, p, u.conj())", "value, p, u.conj() * 0)"),
    ]),
}  # fmt: skip


@pytest.mark.parametrize(("check", "module", "old", "new"), rows(TABLE))
def test_a_wrong_formula_is_rejected(check, module, old, new):
    rejected(check, module, old, new)
