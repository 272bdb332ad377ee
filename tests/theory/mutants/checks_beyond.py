"""Checks that hold on what lies beyond the leading order and on polynomial pieces, and fail on a wrong formula."""

import numpy as np
from flint import arb, ctx

from tests.theory.beyond.test_displacement import network, setting
from theory import activation
from theory.formula.evaluation import ball
from theory.formula.expression import parse


def displaced(module):
    """The real flow is the leading one and what lies beyond it: two losses, an even and an odd next term."""
    for text, loss in (("x*tanh(x)", "half-mse"), ("x**2*exp(x)", "logistic")):
        found, a0, w0, times = setting(text, loss, 0.05)
        moved = module.displacement(found.leading, a0, w0, times, np.ones(a0.shape, dtype=bool))
        a, w = network(text, loss, a0[1], w0[1], float(times[1]))
        real = np.column_stack([a, w]) - moved.flow[1]
        assert np.linalg.norm(moved.change[1] - real) < 5e-3 * np.linalg.norm(real)


def series_away_from_zero(module):
    """Σ_k c_k u^k near -0.4 is the text's own ball there."""
    texts = (
        "tanh(x)", "asinh(x)", "atanh(x)", "cosh(x)", "x**3", "abs(x)*exp(x)", "max(x, 2*x)", "atan(x)*log1p(x)", "x**-2"
    )  # fmt: skip
    for text in texts:
        tree = parse(text).tree
        found = module.series_at(tree, "x", -0.4, 1, 24, 200)
        with ctx.workprec(200):
            u = arb(1) / 64
            total = sum((c * u**k for k, c in enumerate(found)), arb(0))
            assert abs(total - ball(tree, {"x": arb(-0.4) + u}, 200)) < 1e-25


def proved_pieces(module):
    """Each polynomial is within its error of the formula's balls, and the error is some roundings."""
    for text in (
        "log(cosh(x))",
        "exp(x)-1-x",
        "sqrt(1+x)-1",
        "atan(x)-tanh(x)",
        "asinh(x)-x",
        "abs(x)**3*exp(x)",
    ):
        sigma = activation(text)
        for octave, side in ((-1, 1), (-2, -1), (-9, 1), (-30, -1)):
            found = module.piece(sigma, octave, 2, side)
            assert found is not None
            assert found.error < 100 * 2.0**-53 * max(map(abs, found.coefficients))
            for u in (-1.0, 0.4, 1.0):
                with ctx.workprec(300):
                    z = side * arb(2) ** octave * (1 + arb(5) / 8 + arb(u) / 8)
                    total = arb(0)
                    for c in reversed(found.coefficients):
                        total = total * u + c
                    assert float(abs(total - sigma.ball(z, 600)).upper()) <= found.error
    below = module.pieces(activation("exp(x)-1-x+abs(x)**3"), [(-3, 1), (-3, -1)])
    assert below is not None
    assert below.order == (2, 2)
    assert np.allclose(below.leading, 0.5, rtol=1e-15)
    assert below.lowest < -50
