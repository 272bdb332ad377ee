"""What a formula must satisfy, each check by a witness that does not use it; the module under test is an argument.

A check raises AssertionError on a wrong formula.  `tests/theory/mutants/test_mutants.py` runs each on the module as it is
and on mutants of it.
"""

from functools import partial

import mpmath
import numpy as np

from tests.theory.witnesses.orientations import expected_kind, gaussian_data
from theory.forms.moment_tensor import MomentTensor
from theory.formula.expression import parse

RNG = np.random.default_rng(3)
X, S = RNG.standard_normal((12, 3)), RNG.standard_normal(12)
A0, W0 = RNG.standard_normal(8), RNG.standard_normal((8, 3))


def close(mine, known, rtol=1e-9, atol=0.0):
    np.testing.assert_allclose(np.asarray(mine, float), np.asarray(known, float), rtol=rtol, atol=atol)


def leading_terms(module):
    """p, c, q, c' of `expansion` against mpmath's derivatives."""
    functions = {
        "x*tanh(x) + x**5": lambda z: z * mpmath.tanh(z) + z**5,
        "exp(x) - 1": mpmath.expm1,
        "1 - 3*cos(x)": lambda z: 1 - 3 * mpmath.cos(z),
    }
    for text, function in functions.items():
        found = module.expansion(parse(text))
        with mpmath.workdps(40):
            taylor = [float(v) for v in mpmath.taylor(function, 0, 9)]
        reached = [k for k in range(1, 10) if abs(taylor[k]) > 1e-25][:2]
        assert [found.plus.order, found.plus.next_order] == reached
        close(float(found.plus.constant.ball(64).mid()), taylor[0], atol=1e-20)
        values = (found.plus.coefficient, found.plus.next_coefficient)
        close([float(v.ball(64).mid()) for v in values], [taylor[k] for k in reached])


def activation_properties(module):
    """c, c₋ and the order of accuracy of the flow: the relative error of the leading gradient of a network falls as ε^k."""
    functions = {
        "tanh": (np.tanh, lambda z: 1 / np.cosh(z) ** 2),
        "z**2": (lambda z: z**2, lambda z: 2 * z),
        "expm1": (np.expm1, np.exp),
        "z**3": (lambda z: z**3, lambda z: 3 * z**2),
    }
    for text, (value, slope) in functions.items():
        act = module.activation(text)
        p, c = act.multiplicity, float(act.leading_coefficient)
        small = 1e-3
        close(c, value(small) / small**p, rtol=2e-3)
        close(
            [float(v) for v in act.one_sided], [value(small) / small**p, value(-small) / small**p], rtol=2e-3
        )
        epsilons = (3e-2, 1e-2) if act.predicted_order > 2 else (1e-2, 1e-3)
        errors = []
        for eps in epsilons:
            a, z = eps * A0, eps * X @ W0.T
            signal = S - value(z) @ a
            full = np.concatenate([value(z).T @ signal, ((slope(z) * a).T * signal) @ X], axis=None)
            lead = np.concatenate([c * (z**p).T @ S, ((p * c * z ** (p - 1) * a).T * S) @ X], axis=None)
            errors.append(np.linalg.norm(full - lead) / np.linalg.norm(full))
        rate = np.log(errors[0] / errors[1]) / np.log(epsilons[0] / epsilons[1])
        assert abs(rate - act.predicted_order) < 0.2


def signals(module):
    """s = -∂ℓ/∂f and ∂²ℓ/∂f² at f = 0 against mpmath's derivatives of the losses as PyTorch defines them."""
    losses = {
        "half-mse": (lambda f, y: (f - y) ** 2 / 2, [0.3, -2.5]),
        "mse": (lambda f, y: (f - y) ** 2, [0.3, -2.5]),
        "logistic": (lambda f, y: mpmath.log1p(mpmath.exp(-y * f)), [1.0, -1.0]),
        "huber": (
            lambda f, y: (f - y) ** 2 / 2 if abs(f - y) <= 1 else abs(f - y) - mpmath.mpf(1) / 2,
            [0.3, -2.5],
        ),
    }
    for name, (value, targets) in losses.items():
        ell = module.loss(name)
        y = np.array(targets)
        with mpmath.workdps(40):
            known = [[mpmath.diff(partial(value, y=t), 0, k) for t in targets] for k in (1, 2)]
        close(ell.signal(y), [-float(v) for v in known[0]], atol=1e-15)
        close(ell.curvature_at_zero(y), [float(v) for v in known[1]], atol=1e-15)
    labels = np.array([0, 2, 1])
    ell = module.loss("cross-entropy")

    def entropy(row):
        return lambda *f: mpmath.log(sum(mpmath.exp(v) for v in f)) - f[row]

    with mpmath.workdps(30):
        first = [
            [
                -float(mpmath.diff(entropy(row), (0, 0, 0), tuple(int(j == k) for j in range(3))))
                for k in range(3)
            ]
            for row in labels.tolist()
        ]
        second = float(mpmath.diff(entropy(0), (0, 0, 0), (2, 0, 0)))
    close(ell.signal(labels), first)
    close(ell.curvature_at_zero(labels), np.full((3, 3), second))
    close(ell.value_at_zero(labels), np.full(3, np.log(3)))


def tensor(module):
    """P, T u^{p-1}, T u^{p-2} and the bound of ‖T‖ against sums over the data."""
    u = RNG.standard_normal((4, 3))
    dots = u @ X.T
    for p in (1, 2, 3, 5):
        form = module.MomentTensor.from_data(X, S, p)
        close(form.value(u), (dots**p) @ S / 12, atol=1e-12)
        close(form.gradient(u), (dots ** (p - 1) * S) @ X / 12, atol=1e-12)
        if p > 1:
            close(form.hessian(u), np.einsum("un,ni,nj->uij", dots ** (p - 2) * S, X, X) / 12, atol=1e-12)
        full = np.zeros((3,) * p)
        for row, s in zip(X, S, strict=True):
            outer = s / 12
            for _ in range(p):
                outer = np.multiply.outer(outer, row)
            full += outer
        close(form.frobenius_bound * 2.0**form.exponent2, np.linalg.norm(full))


def field(module):
    """(a', w') against finite differences of c a mean(s (w·x)^p); K is constant along it, H is that potential."""
    for p, c in ((1, 0.5), (2, -1.3), (3, 0.7)):
        flow = module.SmoothField(MomentTensor.from_data(X, S, p), c)

        def potential(a, w, p=p, c=c):
            return c * a * np.mean(S * (w @ X.T) ** p)

        a_dot, w_dot = flow(A0, W0)
        close(flow.potential(A0, W0), [potential(a, w) for a, w in zip(A0, W0, strict=True)], atol=1e-12)
        h = 1e-5
        for a, w, da, dw in zip(A0, W0, a_dot, w_dot, strict=True):
            close((potential(a + h, w) - potential(a - h, w)) / (2 * h), da, rtol=1e-6, atol=1e-8)
            slopes = [(potential(a, w + h * e) - potential(a, w - h * e)) / (2 * h) for e in np.eye(3)]
            close(slopes, dw, rtol=1e-6, atol=1e-8)
        ends = [flow.invariant(A0 + h * a_dot, W0 + h * w_dot) for h in (1e-5, -1e-5)]
        close(np.subtract(*ends), 0, atol=1e-12)


def method_of(verb, p, dimension):
    """A check of one method: every orientation satisfies the equation and has the kind that the data give it."""

    def check(module):
        x, s = gaussian_data(p, dimension, 4)
        form = MomentTensor.from_data(x, s, p)
        result = getattr(module, verb)(form, bias=True)
        assert result.complete
        for o in result.orientations:
            u = np.array(o.u)
            assert abs(np.linalg.norm(u) - 1) < 1e-15
            size = np.mean(np.abs(s) * np.linalg.norm(x, axis=1) ** p)
            assert np.linalg.norm(form.gradient(u) - o.value * u) < 1e-13 * size
            assert (o.kind.value, o.neuron_sign) == expected_kind(x, s, p, u)

    return check


def enumeration(module):
    """The count of complex lines is met and makes complete, from explicit start lines that are eigenlines."""
    for p, dimension in ((3, 3), (4, 3)):
        form = MomentTensor.from_data(*gaussian_data(p, dimension, 1), p)
        expected = module.lines_of(p, dimension)
        result = module.homotopy(form, bias=True, expected=expected)
        assert result.complete
        assert result.lines_found == expected == {3: 7, 4: 13}[p]


def start_system(module):
    """The explicit start lines are distinct eigenlines of the diagonal tensor, as many as the count."""
    b = np.array([1.0 + 0.3j, -0.7 + 1j, 0.2 - 1.1j])
    for p, count in ((3, 7), (4, 13), (5, 21)):
        u, value = module.start_lines(b, p)
        assert len(u) == count
        close(np.abs(b * u ** (p - 1) - value[:, None] * u), 0, atol=1e-12)
        overlap = np.abs(u.conj() @ u.T) - np.eye(count)
        assert overlap.max() < 1 - 1e-6
