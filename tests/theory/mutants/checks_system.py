"""Checks of the derived equations as text (every Mean taken over the data, vectors by component) and of frames."""

import numpy as np
import sympy

from tests.theory.mutants.checks import A0, W0, S, X, close
from theory import activation
from theory.forms.certificate import certify_ball, not_apart
from theory.forms.moment_tensor import MomentTensor
from theory.orientations.tensor.tracker import start_diagonal, start_lines, track
from theory.systems import Mean


def evaluated(expression, neuron, component):
    """One component of a right-hand side at one neuron: a, w (3,), r, u (3,)."""
    a, w, r, u = neuron
    names = {"a": a, "r": r, "u": u[component], "w": w[component], "ς": np.sign(a)}

    def average(argument):
        values = []
        for row, signal in zip(X, S, strict=True):
            sample = {"s": signal, "x": row[component], "z": row @ w, "ζ": row @ u}
            values.append(
                argument.subs({t: sample[t.name] for t in argument.free_symbols if t.name in sample})
            )
        return sum(values) / len(values)

    plain = expression.replace(Mean, average)
    return float(plain.subs({t: names[t.name] for t in plain.free_symbols}))


def derived_system(module):
    """Flow, polar form, orientation form, invariant, potential and scales of x*tanh(x) and z³ from the data."""
    for text, p, c, k in (("x*tanh(x)", 2, 1.0, 2), ("-2*z**3", 3, -2.0, 4)):
        system = module.smooth_system(activation(text))
        assert (system.time_exponent, system.order) == (1 - p, k)
        assert dict(system.gradient_orders) == {"a": p, "w": p}
        for a, w in list(zip(A0, W0, strict=True))[:2]:
            r = np.linalg.norm(w)
            u = w / r
            neuron = (a, w, r, u)
            dots = X @ w
            a_dot = c * np.mean(S * dots**p)
            w_dot = p * c * a * (S * dots ** (p - 1)) @ X / len(S)
            r_dot = u @ w_dot
            u_dot = (w_dot - r_dot * u) / r
            rate = abs(a) * r ** (p - 2)
            close(evaluated(system.equations[0].rhs, neuron, 0), a_dot)
            close(evaluated(system.polar[0].rhs, neuron, 0), r_dot)
            close(evaluated(system.orientation[1].rhs, neuron, 0), r_dot / r / rate)
            close(evaluated(system.potential.rhs, neuron, 0), a * a_dot)
            for j in range(3):
                close(evaluated(system.equations[1].rhs, neuron, j), w_dot[j])
                close(evaluated(system.polar[1].rhs, neuron, j), u_dot[j], atol=1e-12)
                close(evaluated(system.orientation[0].rhs, neuron, j), u_dot[j] / rate, atol=1e-12)
            symbols = {t.name: t for t in system.invariants[0].rhs.free_symbols}
            slopes = [
                sympy.diff(system.invariants[0].rhs, symbols[n]).subs({symbols["r"]: r, symbols["a"]: a})
                for n in "ra"
            ]
            close(float(slopes[0]) * r_dot + float(slopes[1]) * a_dot, 0, atol=1e-9)


def framed(module):
    """Lines followed in the frame of a form are lines of the form itself: all of them certify in the data's coordinates."""
    rng = np.random.default_rng(2)
    problems = [
        (rng.standard_normal((8, 3)) * [1e4, 1.0, 1.0], 7),
        (rng.standard_normal((3, 4)) * [1e2, 1e-2, 1.0, 1.0], 7),
    ]
    for x, count in problems:
        form = MomentTensor.from_data(x, rng.standard_normal(len(x)), 3)
        view = module.frame(form)
        b = start_diagonal(view.tensor, np.random.default_rng(0))
        ends = track(view.tensor, b, *start_lines(b, 3), metric=view.metric)
        found = [certify_ball(form, u, 128) for u in view.lift(ends.u[ends.t == 1])]
        centres = [enclosure.floats() for enclosure in found if enclosure is not None]
        assert len(centres) == count
        lines, sines = np.array([c for c, _ in centres]), np.array([s for _, s in centres])
        assert not not_apart(lines, sines)
