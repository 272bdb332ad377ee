"""The table of mutants for σ(0) ≠ 0, one-sided activations, weight decay and K outputs; see test_mutants."""

from functools import cache
from importlib import import_module

import pytest

from tests.theory.mutants import checks_offset as offset
from tests.theory.mutants import checks_two_layer as checks
from tests.theory.mutants.mutated import mutated
from theory.errors import TheoryError

# check: module of theory, and what is changed: name, old source, new source.
TABLE = {
    checks.counting: ("systems.powers", [
        ("relative to θ", "degree + time_exponent - 1", "degree + time_exponent"),
        ("rescaled time", "degree + time_exponent - 1", "degree - time_exponent - 1"),
        ("lowest power", "return min(int(power)", "return max(int(power)"),
        ("average: factor", "total += constant * Mean", "total += Mean"),
    ]),
    checks.homogeneous_forms: ("systems.homogeneous", [
        ("σ_p: sign of the minus side", "minus * (-Z) ** p", "minus * Z ** p"),
        ("σ_p: power", "both = plus * Z**p", "both = plus * Z**(p + 1)"),
        ("σ'_p: minus side", "(sympy.diff(left, Z), True)", "(sympy.diff(right, Z), True)"),
        ("q of a side of higher order", "side.next_order if leads else side.order", "side.next_order"),
        ("c of a side of higher order", "side.coefficient if leads else sympy.Integer(0)", "side.coefficient"),
    ]),
    checks.power_forms: ("forms.power", [
        ("σ_p: minus side", "np.where(z > 0, self.plus, self.minus)", "np.where(z > 0, self.plus, -self.minus)"),
        ("σ_p: power", "np.abs(z) ** self.order\n", "np.abs(z) ** (self.order + 1)\n"),
        ("σ'_p: sign", "np.where(z > 0, self.plus, -self.minus)", "np.where(z > 0, self.plus, self.minus)"),
        ("σ'_p: no p", "return self.order * side", "return side"),
        ("σ'_p: power", "np.abs(z) ** (self.order - 1)", "np.abs(z) ** self.order"),
    ]),
    checks.one_sided_equations: ("systems.one_sided", [
        ("feedback: power", "EPS ** (p + 1) * _fed", "EPS ** p * _fed"),
        ("Taylor: power", "_next * EPS**q * Z**q,", "_next * EPS**(q - 1) * Z**q,"),
        ("time scale", "time_exponent = 1 - p", "time_exponent = 2 - p"),
        ("r': no p", "r_dot = p * _a", "r_dot = _a"),
        ("r': power", "r_dot = p * _a * R ** (p - 1)", "r_dot = p * _a * R ** (p - 2)"),
        ("u': no p", "* (push - p * value * U)\n\n", "* (push - value * U)\n\n"),
        ("u': sign", "* (push - p * value * U)\n\n", "* (push + p * value * U)\n\n"),
        ("u': power", "u_dot = _a * R ** (p - 2)", "u_dot = _a * R ** (p - 1)"),
        ("clock", "clock = _a * R ** (p - 2) / _sign", "clock = _a * R ** (p - 1) / _sign"),
        ("w': no a", "average(_a * _s * derivative * X", "average(_s * derivative * X"),
        ("K: no p", "R**2 - p * _a**2", "R**2 - _a**2"),
        ("K: sign", "R**2 - p * _a**2", "R**2 + p * _a**2"),
        ("H", "equation(sympy.Symbol(\"H\"), _a * a_dot)", "equation(sympy.Symbol(\"H\"), 2 * _a * a_dot)"),
    ]),
    checks.one_sided_numbers: ("fields.one_sided", [
        ("1/n", "self._columns / len(self.x)", "self._columns / (len(self.x) - 1)"),
        ("w': no a", "(a.reshape(len(w), -1) @ s.T) *", "(np.ones_like(a).reshape(len(w), -1) @ s.T) *"),
        ("a': derivative", "(self.form.value(z) @ s)", "(self.form.derivative(z) @ s)"),
        ("H: 1/n", "@ self.signal / len(self.x)", "@ self.signal"),
        ("K: no p", "axis=1) - self.form.order * np.sum", "axis=1) - np.sum"),
        ("K: sign", "axis=1) - self.form.order", "axis=1) + self.form.order"),
    ]),
    offset.offset_equations: ("systems.offset", [
        ("output: power of Σ a σ_p", "(s0 * _A + EPS**p * _B + (0", "(s0 * _A + EPS**(p + 1) * _B + (0"),
        ("output: no ε", "output = EPS * (", "output = ("),
        ("Taylor: power", "_next * EPS**q * Z**q", "_next * EPS**(q - 1) * Z**q"),
        ("a': no s0", "constant = 0 if variant is OffsetVariant.NAIVE else s0", "constant = 2 * s0"),
        ("r': no p", "r_dot = p * _a", "r_dot = 2 * p * _a"),
        ("u': no p", "(push - p * value * U)", "(push - 2 * p * value * U)"),
        ("u': power", "u_dot = _a * R ** (p - 2)", "u_dot = _a * R ** (p - 1)"),
        ("balance: factor", "balance = average(2 * p", "balance = average(p"),
        ("balance: sign", "balance = average(2 * p", "balance = average(-2 * p"),
        ("time scale", "TIME_EXPONENT = 1 ", "TIME_EXPONENT = 0 "),
        ("definition of f", "total += s0 * sympy.Sum", "total += sympy.Sum"),
    ]),
    offset.offset_numbers: ("fields.offset", [
        ("s0 in a'", "pull = self.constant * s.sum", "pull = 2 * self.constant * s.sum"),
        ("s0 in f", "np.broadcast_to(self.constant * a.sum", "np.broadcast_to(2 * self.constant * a.sum"),
        ("feedback", "return mean + self.form", "return mean - self.form"),
        ("1/n", "reshape(n, -1) / n", "reshape(n, -1) / (n - 1)"),
        ("w'", "back = (columns @ s.T) * self.form.derivative(z)", "back = (columns @ s.T) * self.form.value(z)"),
        ("balance: factor", "return -2 * self.form.order", "return -self.form.order"),
        ("balance: sign", "return -2 * self.form.order", "return 2 * self.form.order"),
        ("naive keeps s0", "if not naive:", "if True:"),
    ]),
    offset.fitted_constants: ("losses.signal", [
        ("half-mse", '"half-mse": lambda f, y: y - f', '"half-mse": lambda f, y: f - y'),
        ("mse: factor", "2.0 * (y - f)", "y - f"),
        ("logistic: sign", "return y * np.where(y * f > 0", "return -y * np.where(y * f > 0"),
        ("logistic: side", "np.where(y * f > 0, decayed, 1.0)", "np.where(y * f > 0, 1.0, decayed)"),
        ("huber", "np.clip(y - f, -1.0, 1.0)", "np.clip(y - f, -2.0, 2.0)"),
        ("softmax", "return y - e /", "return y + e /"),
        ("mean", "sum(exact, fmpq(0)) / len(exact)", "sum(exact, fmpq(0)) / (len(exact) - 1)"),
        ("mse at f*", "slope = 1 if loss.name ==", "slope = 2 if loss.name =="),
        ("log odds", "np.log(positive / negative)", "np.log(negative / positive)"),
        ("logistic at f*", "1.0: fmpq(negative, len(y))", "1.0: fmpq(positive, len(y))"),
        ("shares", "fmpq(int(h)) - share", "share - fmpq(int(h))"),
        ("gauge", "logs - logs.mean()", "logs"),
        ("direction of the search", "float(np.sign(start)) * 2.0**-10", "-float(np.sign(start)) * 2.0**-10"),
    ]),
    offset.splits: ("flows.offset_split", [
        ("ā: no m", "self.fitted / (self.field.constant * width)", "self.fitted / self.field.constant"),
        ("ā: no s0", "self.fitted / (self.field.constant * width)", "self.fitted / width"),
        ("ρ: s0²", "self.field.constant**2 * width", "self.field.constant * width"),
        ("γ: no c", "float(abs(self.coefficient) * np.linalg", "float(np.linalg"),
        ("common sign", "else -1.0) * self._growing()", "else -1.0) * -self._growing()"),
        ("t0: 1/ρ", "return 1.0 / rho - turn", "return 0.5 / rho - turn"),
        ("t0: turn", "turn / (2 * self.rate * rho)", "turn / (self.rate * rho)"),
        ("t0: sign", "1.0 / rho - turn /", "1.0 / rho + turn /"),
        ("line: γ", "amplitude * gamma * (t - delay)", "amplitude * (t - delay)"),
        ("growing mode", "0.5 * (omega + alpha), 0.5", "0.5 * (omega - alpha), 0.5"),
        ("growing mode: half", "growing, decaying = 0.5 *", "growing, decaying = 0.05 *"),
        ("corrected signal", "MomentTensor.from_data(x, fit.signal", "MomentTensor.from_data(x, problem.signal"),
    ]),
    offset.typical_splits: ("flows.offset_split", [
        ("√2", "np.sqrt(2.0) * abs(self.amplitude(width))", "abs(self.amplitude(width))"),
        ("quantile", "-NormalDist().inv_cdf(share)", "NormalDist().inv_cdf(share / 2) * -1"),
        ("line in the exponent", "np.log(ratio * (exponent - delay))", "np.log(ratio)"),
        ("loading: c²", "self.curvature * self.coefficient**2 * strength", "self.curvature * self.coefficient * strength"),
        ("loading: γ", "float(np.var(along)) / self.rate", "float(np.var(along))"),
        ("loading: s0", "common / self.field.constant)", "common)"),
    ]),
    checks.decay_equations: ("systems.decay", [
        ("λ: sign", "eq.rhs - _decay * lhs", "eq.rhs + _decay * lhs"),
        ("λ: factor", "eq.rhs - _decay * lhs", "eq.rhs - 2 * _decay * lhs"),
        ("K: exponent", "sympy.exp(2 * _decay * _t)", "sympy.exp(_decay * _t)"),
        ("shrinkage", "shrink = sympy.exp(-_decay * _time)", "shrink = sympy.exp(_decay * _time)"),
        ("degree", "product = _a * _z ** (order - 1)", "product = _a * _z**order"),
        ("blow-up: rate", "rate = (order - 1) * _decay\n    (found", "rate = order * _decay\n    (found"),
        ("u decays", "if eq.lhs.args[0] == R else eq", "if eq.lhs.args[0] != R else eq"),
    ]),
    checks.decay_numbers: ("systems.decay", [
        ("field of w", "w_dot - self.decay * w", "w_dot + self.decay * w"),
        ("field of a", "return a_dot - self.decay * a,", "return a_dot,"),
        ("clock: p - 1", "rate = (order - 1) * decay\n    return time", "rate = order * decay\n    return time"),
        ("clock: sign", "-np.expm1(-rate * np", "np.expm1(rate * np"),
        ("blow-up: p - 1", ", (order - 1) * decay\n    if rate == 0", ", order * decay\n    if rate == 0"),
        ("blow-up: sign", "-np.log1p(-rate", "-np.log1p(rate"),
        ("invariant", "np.exp(2 * self.decay * time)", "np.exp(self.decay * time)"),
        ("potential", "- 0.5 * self.decay * size", "- self.decay * size"),
        ("size", "grown = np.exp(self.decay * time)", "grown = np.exp(-self.decay * time)"),
    ]),
    checks.outputs_equations: ("systems.outputs", [
        ("feedback: power", "EPS ** (p + 1) * _fed", "EPS ** p * _fed"),
        ("Taylor: power", "_next * EPS**q * Z**q,", "_next * EPS**(q - 1) * Z**q,"),
        ("time scale", "time_exponent = 1 - p", "time_exponent = 2 - p"),
        ("w': no a", "_total(_a[_k] * pull)", "_total(pull)"),
        ("r': no p", "r_dot = p * R", "r_dot = 2 * p * R"),
        ("u': no p", "- p * U * _total", "- 2 * p * U * _total"),
        ("K: no p", "R**2 - p * _total(_a[_k] ** 2)", "R**2 - (p + 1) * _total(_a[_k] ** 2)"),
        ("pairs: sign", "w[i] * w[j] - _total", "w[i] * w[j] + _total"),
        ("H", "equation(sympy.Symbol(\"H\"), _total(_a[_k] * a_dot))", "equation(sympy.Symbol(\"H\"), _total(a_dot))"),
    ]),
    checks.outputs_numbers: ("fields.outputs", [
        ("a': no c", "return self.coefficient * growth,", "return growth,"),
        ("w': no p", "self.order * self.coefficient * np.einsum", "self.coefficient * np.einsum"),
        ("H: no c", "return self.coefficient * np.sum", "return np.sum"),
        ("K: no p", "axis=1) - self.order * np.sum", "axis=1) - np.sum"),
        ("closed form: a", "(outer * cosh + inner * sinh)", "(outer * cosh - inner * sinh)"),
        ("closed form: w", "(inner * cosh + outer * sinh)", "(inner * sinh + outer * cosh)"),
        ("c in the modes", "np.linalg.svd(self.coefficient * self.matrix", "np.linalg.svd(self.matrix"),
        ("alignment", "1.0 - self.rates[1] / self.rates[0]", "self.rates[1] / self.rates[0]"),
        ("sign of the end", "self.output_direction + w0", "self.output_direction - w0"),
    ]),
    checks.output_lines: ("orientations.outputs", [
        ("mixed terms of F", "(1 if m == n else 2)", "1"),
        ("singular pairs: ĝ", "(order - 1) ** (i - j)", "order ** (i - j)"),
        ("singular pairs: ĥ", "power * order**j", "power * (order - 1) ** j"),
        ("degree of F", "order, dimension = 2 * first.order", "order, dimension = first.order"),
        ("value", "value = sqrt(max(o.value, 0.0))", "value = max(o.value, 0.0)"),
        ("dying", "Kind.SADDLE if o.kind is Kind.DYING", "Kind.DYING if o.kind is Kind.SADDLE"),
    ]),
}  # fmt: skip
ROWS = [
    pytest.param(check, f"theory.{module}", old, new, id=f"{module}: {name}")
    for check, (module, changes) in TABLE.items()
    for name, old, new in changes
]


@cache
def passes(check, module):
    """The check holds on the module as it is."""
    check(import_module(module))
    return True


@pytest.mark.parametrize(("check", "module", "old", "new"), ROWS)
def test_a_wrong_formula_is_rejected(check, module, old, new):
    assert passes(check, module)
    with pytest.raises((AssertionError, TheoryError, ZeroDivisionError, RuntimeWarning)):
        check(mutated(import_module(module), old, new))
