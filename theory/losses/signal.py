"""The signal at any output, as numbers, and the constant output that fits the data best.

Setting.     A loss ℓ(f, y); its signal s(f) = -∂ℓ/∂f away from zero output is what couples neurons when σ(0) ≠ 0.
Statement.   The constant output f* that gradient descent on mean ℓ(f, y) reaches from f = 0 is the first zero of
             mean s(f) in the direction of mean s(0).  It is mean y for half-mse and mse, log(n₊/n₋) for logistic (s is
             then -y times the share of the other sign), and for cross-entropy, where Σ_k f_k = 0 is conserved,
             f_k = log of the share of class k less its mean over the classes (s = onehot - share); else a root find.
             Seen from there, ℓ(f* + f, y) is a loss of its own (`CentredLoss`), with the signal s(f*) at zero output: that
             of everything which moves after the mean is fitted, by an output bias or by biases of upper layers.
Source.      condense.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import sympy
from flint import fmpq

from theory.errors import TheoryError
from theory.losses.loss import CrossEntropy, Loss

Signal = Callable[[np.ndarray, np.ndarray], np.ndarray]


def signal_function(loss: Loss) -> Signal:
    """s(f, y) = -∂ℓ/∂f for outputs and targets of equal shape, (..., n) or, for cross-entropy, (..., n, K), float64.

    Targets as `loss.targets` gives them.  A formula is compiled by SymPy; the named losses are written out.
    """
    if isinstance(loss, CentredLoss):
        whole = signal_function(loss.base)
        return lambda outputs, targets: whole(outputs + loss.constant, targets)
    if isinstance(loss, CrossEntropy):
        return _softmax_signal
    if loss.name in _NAMED:
        return _NAMED[loss.name]
    f, y = (sympy.Symbol(name, real=True) for name in "fy")
    compiled = sympy.lambdify((f, y), loss.signal_expression, "numpy")
    return lambda outputs, targets: compiled(outputs, targets) + 0.0 * outputs


def value_function(loss: Loss) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """ℓ(f, y), summed over outputs: for arrays as in `signal_function`, one number a sample.  Not for centred losses."""
    if isinstance(loss, CrossEntropy):
        return lambda f, y: np.logaddexp.reduce(f, axis=-1) - np.sum(f * y, axis=-1)
    if loss.name == "logistic":
        return lambda f, y: np.logaddexp(0.0, -y * f)
    f, y = (sympy.Symbol(name, real=True) for name in "fy")
    compiled = sympy.lambdify((f, y), loss.expression, "numpy")
    return lambda outputs, targets: compiled(outputs, targets) + 0.0 * outputs


def _softmax_signal(f: np.ndarray, y: np.ndarray) -> np.ndarray:
    e = np.exp(f - f.max(axis=-1, keepdims=True))
    return y - e / e.sum(axis=-1, keepdims=True)


def _logistic_signal(f: np.ndarray, y: np.ndarray) -> np.ndarray:
    decayed = np.exp(-np.abs(y * f))
    return y * np.where(y * f > 0, decayed, 1.0) / (1.0 + decayed)


_NAMED: dict[str, Signal] = {
    "half-mse": lambda f, y: y - f,
    "mse": lambda f, y: 2.0 * (y - f),
    "logistic": _logistic_signal,
    "huber": lambda f, y: np.clip(y - f, -1.0, 1.0),
}


@dataclass(frozen=True)
class FittedOutput:
    """The constant output f* () or (K,), and the signal there as exact fractions (fmpq), (n,) or (n, K).

    `exact`: the signal is exact and its mean is 0; otherwise it is the nearest binary64 to s(f*).
    """

    value: np.ndarray
    signal: np.ndarray
    exact: bool


def fitted_output(loss: Loss, y: np.ndarray) -> FittedOutput:
    """The constant output that gradient descent on mean ℓ(f, y) reaches from f = 0, for y (n,) or (n, K).

    Raises TheoryError where there is none (logistic with one sign only, a class without a sample, a loss that
    falls for ever).  Cost: linear in n; a root find takes about a hundred evaluations of the signal.
    """
    targets = loss.targets(y)
    if isinstance(loss, CrossEntropy):
        return _class_shares(targets)
    columns = targets if targets.ndim == 2 else targets[:, None]
    found = [_column(loss, column) for column in columns.T]
    value = np.array([f for f, _, _ in found])
    signal = np.stack([s for _, s, _ in found], axis=1)
    exact = all(e for _, _, e in found)
    return (
        FittedOutput(value, signal, exact)
        if targets.ndim == 2
        else FittedOutput(value[0], signal[:, 0], exact)
    )


def _column(loss: Loss, y: np.ndarray) -> tuple[float, np.ndarray, bool]:
    exact = [fmpq(*value.as_integer_ratio()) for value in y.tolist()]
    if loss.name in ("half-mse", "mse"):
        mean = sum(exact, fmpq(0)) / len(exact)
        slope = 1 if loss.name == "half-mse" else 2
        return _float(mean), _objects([slope * (value - mean) for value in exact]), True
    if loss.name == "logistic":
        positive = int(np.count_nonzero(y > 0))
        negative = len(y) - positive
        if positive == 0 or negative == 0:
            raise TheoryError(
                "all targets have the same sign: the logistic loss falls for ever as the output grows, no constant "
                "fits best; accepted: targets of both signs"
            )
        shares = {1.0: fmpq(negative, len(y)), -1.0: -fmpq(positive, len(y))}
        value = float(np.log(positive / negative))
        return value, _objects([shares[value] for value in y.tolist()]), True
    signal = signal_function(loss)
    value = _first_zero(lambda f: float(np.mean(signal(np.full(len(y), f), y))), loss)
    at = signal(np.full(len(y), value), y)
    return value, _objects([fmpq(*float(s).as_integer_ratio()) for s in at]), False


def _class_shares(hot: np.ndarray) -> FittedOutput:
    count, n = hot.sum(axis=0).astype(int), len(hot)
    if not count.all():
        raise TheoryError(
            f"class {int(np.argmin(count))} has no sample: cross-entropy falls for ever as its output falls, no "
            "constant fits best; accepted: at least one sample of each class"
        )
    logs = np.log(count / n)
    signal = np.empty(hot.shape, dtype=object)
    for k, size in enumerate(count.tolist()):
        share = fmpq(size, n)
        signal[:, k] = [fmpq(int(h)) - share for h in hot[:, k]]
    return FittedOutput(logs - logs.mean(), signal, True)


def _first_zero(mean_signal: Callable[[float], float], loss: Loss) -> float:
    """The first zero of the mean signal from f = 0 in its own direction: bracketed, then bisected to the last bit."""
    start = mean_signal(0.0)
    if start == 0:
        return 0.0
    near, far = 0.0, float(np.sign(start)) * 2.0**-10
    while abs(far) < 2.0**60 and np.sign(mean_signal(far)) == np.sign(start):
        near, far = far, 2 * far
    while (middle := 0.5 * (near + far)) not in (near, far):
        near, far = (middle, far) if np.sign(mean_signal(middle)) == np.sign(start) else (near, middle)
    # A signal that only underflows, or never changes its sign, has no zero.
    if abs(far) >= 2.0**60 or abs(mean_signal(near)) < 1e-290:
        raise TheoryError(
            f"the loss {loss.name[:60]!r} falls for ever as the output moves from 0: no constant fits the data best"
        )
    return middle


def _float(value: fmpq) -> float:
    return float(Fraction(int(value.p), int(value.q)))


def _objects(values: list) -> np.ndarray:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


_SHIFT = 1e-5  # relative, for the central difference of the signal; chosen because its error is 1e-10 of the curvature


@dataclass(frozen=True, repr=False, kw_only=True)
class CentredLoss(Loss):
    """ℓ(f* + f, y) of a `base` loss on the targets `fitted_to`: build it with `centred`.

    `constant` is f*, () or (K,); `there` the exact signal at it.  Signal, value and curvature are those on the targets that
    it was made for; others are refused.
    """

    base: Loss
    constant: np.ndarray
    there: np.ndarray
    fitted_to: np.ndarray

    def signal(self, y: np.ndarray) -> np.ndarray:
        """s at f*, exact fractions (n,) or (n, K)."""
        self.targets(y)
        return self.there

    def value_at_zero(self, y: np.ndarray) -> np.ndarray:
        """ℓ(f*, y_i), summed over the outputs: float64 (n,)."""
        y = self.targets(y)
        values = value_function(self.base)(np.broadcast_to(self.constant, y.shape), y)
        several = y.ndim == 2 and not isinstance(self.base, CrossEntropy)
        return values.sum(axis=1) if several else values

    def curvature_at_zero(self, y: np.ndarray) -> np.ndarray:
        """∂²ℓ/∂f² at f*, float64 of the shape of the targets; as an average over a small neighbourhood where it varies."""
        y = self.targets(y)
        constant = self.base.curvature
        if not isinstance(self.base, CrossEntropy) and constant.is_number:
            return np.full(y.shape, float(constant))
        at, small = (
            np.broadcast_to(self.constant, y.shape),
            _SHIFT * (np.abs(self.constant) + np.abs(y) + 1e-12),
        )
        if isinstance(self.base, CrossEntropy):
            share = np.exp(at - np.logaddexp.reduce(at, axis=-1, keepdims=True))
            return share * (1 - share)
        signal = signal_function(self.base)
        return (signal(at - small, y) - signal(at + small, y)) / (2 * small)

    def targets(self, y: Any) -> np.ndarray:
        """The targets that it was made for.  Raises TheoryError for others."""
        y = self.base.targets(y)
        if not np.array_equal(y, self.fitted_to):
            raise TheoryError(
                f"{self.name} is about other targets; accepted: those whose best constant it has"
            )
        return y


def centred(loss: Loss, y: Any) -> CentredLoss:
    """The loss seen from the constant output that fits y (n,) or (n, K) best; raises as `fitted_output` does."""
    fitted = fitted_output(loss, y)
    return CentredLoss(
        name=f"{loss.name} at its best constant",
        formula=loss.formula,
        base=loss,
        constant=np.asarray(fitted.value, dtype=float),
        there=fitted.signal,
        fitted_to=loss.targets(y),
    )
