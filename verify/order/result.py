"""What a measurement of an order of accuracy returns.

The rate of a power law from measured errors: a slope over decades, with its interval, and the verdict on it.

Errors of a leading-order theory behave as e(ε) = A ε^k (1 + B ε + ...) above the floor of the integration and below
saturation.  The window is the lowest two decades above the floor (more where the error spans too little), the
model log e = log A + k log ε + B ε is fitted by least squares with a free k, and the interval adds what the fit cannot
explain (Student's t quantile of the slope's standard error) to what the correction changed beyond its next order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.stats import t as student

from verify.verdict import Verdict


@dataclass(frozen=True)
class GroupOrder:
    """One group of parameters: the order of its gradient and that of its displacement's relative error.

    `gradient_order` and `accuracy` are the derived ones, `moved` and `slope` the measured exponents of the size of the
    displacement (predicted: `lag`) and of its relative error `errors` (E,).
    """

    name: str
    gradient_order: int
    lag: int
    accuracy: int
    moved: Slope
    slope: Slope
    errors: np.ndarray
    verdict: Verdict
    why: str

    def to_json(self) -> dict[str, Any]:
        """The group's part of the `order` document."""
        return {
            "predicted_gradient_order": self.gradient_order,
            "measured_gradient_order": self.gradient_order - self.lag + self.moved.value,
            "predicted_order": self.accuracy,
            "measured_order": self.slope.value,
            "interval": [self.slope.low, self.slope.high],
            "errors": self.errors,
            "verdict": self.verdict.value,
            "why": self.why,
        }


@dataclass(frozen=True)
class OrderResult:
    """Errors (E,) of the leading order at ε (E,), their fitted exponent beside the predicted one, and the verdict.

    `groups` are those of the parameters, where theory predicts them one by one; `notes` say how it was measured.
    """

    predicted: int
    slope: Slope
    epsilons: np.ndarray
    errors: np.ndarray
    floor: np.ndarray
    tau: float
    verdict: Verdict
    why: str
    groups: Mapping[str, GroupOrder] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The measured part of the `order` document."""
        return {
            "predicted_order": self.predicted,
            "measured_order": self.slope.value,
            "interval": [self.slope.low, self.slope.high],
            "window": list(self.slope.window),
            "epsilons": self.epsilons,
            "errors": self.errors,
            "floor": self.floor,
            "groups": {name: group.to_json() for name, group in self.groups.items()},
            "verdict": self.verdict.value,
            "why": self.why,
            "notes": list(self.notes),
        }


def combined(verdicts: list[Verdict]) -> Verdict:
    """REFUTED where any part is, CONFIRMED where all are."""
    if Verdict.REFUTED in verdicts:
        return Verdict.REFUTED
    return Verdict.CONFIRMED if set(verdicts) == {Verdict.CONFIRMED} else Verdict.INCONCLUSIVE


# Of an exponent.  Chosen because exponents are integers, and 0.05 is what the next order leaves over two decades.
TOLERANCE = 0.05
DECADES = (
    2.0  # of a window; chosen because over one a competing power of the next order looks like an exponent
)
_PINNED = TOLERANCE  # half-width of an interval that pins an exponent down
# Of the slope from the lower to the upper half of a window.  Chosen because beyond it two powers still compete.
_BEND = 0.3
_LEVEL = (
    0.99  # of intervals; chosen because a ledger of hundreds of slopes must not be wrong by chance in several
)
_FEWEST = 6  # scales; derived from the three numbers that are fitted, with as many left to judge the fit


@dataclass(frozen=True)
class Slope:
    """A fitted exponent with its 99 % interval, the window (lowest and highest ε) and whether the window sufficed."""

    value: float
    low: float
    high: float
    window: tuple[float, float]
    points: int
    resolved: bool
    reason: str


def power_law(
    epsilons: np.ndarray, errors: np.ndarray, floor: np.ndarray | float, *, decades: float = DECADES
) -> Slope:
    """Fit the exponent of errors (E,) against epsilons (E,); `floor` is the error of the measurement itself.

    `decades` is the width of the window; orders above 4 leave less than two between saturation and rounding.
    """
    order = np.argsort(epsilons)
    eps, err = np.asarray(epsilons, float)[order], np.asarray(errors, float)[order]
    noise = (
        np.broadcast_to(np.asarray(floor, float), eps.shape)[order]
        if np.ndim(floor)
        else np.full(eps.shape, floor)
    )
    # Far from small weights the flow may be out of reach; what lies below is what counts.
    finite = int(np.argmin(np.isfinite(err))) if not np.all(np.isfinite(err)) else len(err)
    eps, err, noise = eps[:finite], err[:finite], noise[:finite]
    # Ten times above the floor, the floor bends a local slope by at most log(1.1)/log(ratio): visible in the residual.
    usable = err > 10 * noise
    if np.count_nonzero(usable) < _FEWEST:
        return _unresolved("fewer than six errors lie above the floor of the integration")
    low = eps[int(np.argmax(usable))]
    reach = np.log10(eps[-1] / low)
    if reach < decades - 0.01:
        return _unresolved(f"the window spans {reach:.2f} decades, {decades:g} are needed")
    whole = _window(eps, err, low, decades)
    if whole is not None and whole.high - whole.low <= 2 * _PINNED:
        return whole
    # Where a higher power still bends the upper part of the window, its lower three quarters say more.
    lower = _window(eps, err, low, 0.75 * decades)
    fits = [fit for fit in (whole, lower) if fit is not None]
    if not fits:
        return _unresolved(f"the local slope still changes by more than {_BEND:g} within the window")
    return min(fits, key=lambda fit: fit.high - fit.low)


def straight_line(epsilons: np.ndarray, errors: np.ndarray) -> Slope:
    """The plain fit log e = log A + k log ε over all of errors (E,), as they are: no floor, no correction, no bend."""
    x, e = np.asarray(epsilons, float), np.asarray(errors, float)
    if len(x) < 3 or not np.all(np.isfinite(e) & (e > 0)):
        return _unresolved("fewer than three errors, or one that is no finite number above 0")
    fitted, half = _fit(np.column_stack([np.ones_like(x), np.log(x)]), np.log(e))
    value = float(fitted[1])
    window = (float(x.min()), float(x.max()))
    return Slope(value, value - half, value + half, window, len(x), True, "")


def judge_slope(predicted: float, slope: Slope) -> tuple[Verdict, str]:
    """Whether a fitted exponent is the predicted one, and over which window: the one way from a slope to a verdict.

    CONFIRMED within 0.05 with an interval as narrow; REFUTED outside both; INCONCLUSIVE otherwise.  A slope that is not
    resolved, or is no number, decides nothing.
    """
    if not (slope.resolved and np.all(np.isfinite([slope.value, slope.low, slope.high]))):
        return Verdict.INCONCLUSIVE, slope.reason or "the fitted exponent is no number"
    half = 0.5 * (slope.high - slope.low)
    low, high = slope.window
    why = (
        f"slope over {slope.points} scales from {low:.1e} to {high:.1e}, "
        f"99 % interval [{slope.low:.3f}, {slope.high:.3f}]"
    )
    if abs(slope.value - predicted) <= TOLERANCE and half <= TOLERANCE:
        return Verdict.CONFIRMED, why
    if abs(slope.value - predicted) > TOLERANCE + half:
        return Verdict.REFUTED, why
    return Verdict.INCONCLUSIVE, why + ": the interval neither excludes the prediction nor pins it down"


def _window(eps: np.ndarray, err: np.ndarray, low: float, decades: float) -> Slope | None:
    """The fit over so many decades from the lowest usable ε; None where the slope has not settled or points are few."""
    window = (eps >= low) & (eps <= low * 10**decades * 1.000001)
    x, e = eps[window], err[window]
    if len(x) < _FEWEST:
        return None
    half_way = len(x) // 2
    slopes = [
        np.polyfit(np.log(x[part]), np.log(e[part]), 1)[0]
        for part in (np.s_[: half_way + 1], np.s_[half_way:])
    ]
    if abs(slopes[1] - slopes[0]) > _BEND:
        return None

    # The correction is scaled to 1 at the top of the window; where it stays small it costs next to nothing.
    design = np.column_stack([np.ones_like(x), np.log(x), x / x[-1]])
    plain, _ = _fit(design[:, :2], np.log(e))
    corrected, half = _fit(design, np.log(e))
    half = half + abs(corrected[1] - plain[1]) * 0.1
    value = float(corrected[1])
    return Slope(
        value=value,
        low=float(value - half),
        high=float(value + half),
        window=(float(x[0]), float(x[-1])),
        points=len(x),
        resolved=True,
        reason="",
    )


def _fit(design: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, float]:
    """Least squares with the half-width of the 99 % interval of the second coefficient."""
    solution, *_ = np.linalg.lstsq(design, target, rcond=None)
    residual = target - design @ solution
    freedom = len(target) - design.shape[1]
    variance = residual @ residual / freedom
    deviation = np.sqrt(variance * np.linalg.inv(design.T @ design)[1, 1])
    return solution, float(student.ppf(0.5 + _LEVEL / 2, freedom) * deviation)


def _unresolved(reason: str) -> Slope:
    nan = float("nan")
    return Slope(nan, nan, nan, (nan, nan), 0, False, reason)
