"""Which scales can be followed, told from the formula, the data and the scales alone, before anything runs.

Every criterion is an estimate at leading order, on the side of running: what is refused here would end in no verdict, after
minutes.  R is the largest ‖x‖, the bias counted, σ = σ(0) + c z^p + ...
Source.      condense.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from theory.errors import TheoryError
from theory.formula.activation import Activation
from theory.losses.signal import fitted_output
from theory.problem import Optimizer, Problem

NEGLECTED = 0.1  # of the leading term; chosen as theory.predictions.prediction.NEGLECTED is
HALF = 0.5  # the leading term is off by half of itself: chosen because it describes nothing then
ADAM_EPSILON = 1e-8  # derived from torch's Adam, whose default it is
# Of the loss, for orders above 1, where none is asked for; derived from the last that theory.predictions.smooth tries.
LEAST_FALL = 1e-8
_SPAN = 100.0  # derived from the scales that a run at order 1 compares: from the smallest to the largest
_UNIT = 2.0**-53  # derived from binary64: the largest relative error of one rounding
_NOTHING = 1e-12  # of a moment's bound; chosen because sums over thousands of data round by less
# theory.times.horizon asks for the time left to 1e-9 of itself, as a difference of times that are rounded; derived from
# that, and ten times below it.
_RESOLVED = 0.1 * _UNIT / 1e-9


@dataclass(frozen=True)
class Plan:
    """How networks start and are stepped, as far as scales are concerned.

    `networks` of `width` neurons from `std`; `fraction` is the fall of the loss that is asked for, None for what theory
    needs; `lr` the step of sign descent and Adam, `steps` how many there may be; `standardized`: the inputs are already.
    """

    std: float
    width: int
    networks: int
    fraction: float | None
    lr: float
    steps: int
    standardized: bool = False


def refuse_scales(problem: Problem, plan: Plan) -> None:
    """Raise TheoryError where weights of this scale cannot be followed on these data: too large for the leading term of
    σ, too small for binary64, for Adam's epsilon or for the number of steps of a run."""
    sigma, x = problem.activation, problem.x
    with np.errstate(all="ignore"):
        size = float(np.max(np.linalg.norm(x, axis=1)))
        if size == 0:
            return  # no moment is left: the prediction says so
        _representable(sigma, plan.std, size)
        _leading_term(sigma, size, plan)
        if sigma.value_at_zero != 0:
            _fitted_mean(problem, size, plan)
        elif not problem.several_outputs and sigma.is_smooth:
            signal = problem.loss.signal(problem.y).astype(float)
            if problem.optimizer.coordinatewise:
                _steps(problem, signal, plan)
            elif sigma.multiplicity > 1:
                _time_left(problem, signal, plan)


def _representable(sigma: Activation, std: float, size: float) -> None:
    """Squares of what one neuron adds to the output, c a z^p, are normal numbers with all their digits."""
    p = sigma.multiplicity
    c = max(abs(float(side)) for side in sigma.one_sided)
    # log10 of the square at the smallest scale compared, and at std.
    low, high = (
        2 * (math.log10(c) + math.log10(s) + p * (math.log10(s) + math.log10(size)))
        for s in (std / _SPAN if std > 1e-300 else std, std)
    )
    least, most = math.log10(np.finfo(float).tiny / _UNIT), math.log10(np.finfo(float).max)
    if least <= low and high <= most:
        return
    edge = least if low < least else most
    best = 10 ** ((edge / 2 - math.log10(c) - p * math.log10(size)) / (p + 1)) * (_SPAN if low < least else 1)
    found, side = (low, "above") if low < least else (high, "below")
    raise TheoryError(
        f"init_std {std:g}: the squares of what a neuron adds to the output are about 1e{found:+.0f}, which binary64 "
        f"cannot work with; accepted: {side} {best:.1g}"
    )


def _deviation(sigma: Activation, z: float) -> float:
    """How far σ is from σ(0) + c z^p at ±z, relative to the leading term, the larger of the sides that have one."""
    zero, p = float(sigma.value_at_zero), sigma.multiplicity
    worst = 0.0
    for side, c in zip((z, -z), (float(c) for c in sigma.one_sided), strict=True):
        lead = c * z**p
        if c == 0:
            continue
        value = float(sigma.evaluate(np.array([side]))[0])
        # The rounding of σ(0) + ... is no deviation.
        apart = max(abs(value - zero - lead) - 4 * _UNIT * abs(zero), 0.0) / abs(lead)
        worst = max(worst, apart if math.isfinite(apart) else math.inf)
    return worst


def _leading_term(sigma: Activation, size: float, plan: Plan) -> None:
    """Arguments z of std × R can grow by e before σ has left its leading term by 10 %: else no initial stage is there."""
    std = plan.std
    z = math.e * std * size
    if _deviation(sigma, z) <= NEGLECTED:
        return
    fit = z
    while fit > 1e-300 and _deviation(sigma, fit) > NEGLECTED:
        fit /= 2
    raise TheoryError(
        f"std × max‖x‖ = {std:.2g} × {size:.2g} = {std * size:.2g} is not small: {sigma.text} is not led by its "
        f"first term there; accepted: {_standardize(plan)}--init-std of at most {fit / (math.e * size):.1g}"
    )


def _fitted_mean(problem: Problem, size: float, plan: Plan) -> None:
    """σ(0) ≠ 0: before the signs split w has grown to about ā = f*/(σ(0) m); at z = ā R the leading term is to lead."""
    sigma = problem.activation
    if problem.several_outputs:
        return  # refused by the regime
    fitted = float(fitted_output(problem.loss, problem.y).value)
    amplitude = abs(fitted / float(sigma.value_at_zero)) / plan.width
    if amplitude * size == 0 or _deviation(sigma, amplitude * size) < HALF:
        return
    raise TheoryError(
        f"with σ(0) ≠ 0 the weights grow to about {amplitude:.2g}, the mean of the targets over σ(0) m, and × max‖x‖ = "
        f"{size:.2g} that is not small: {sigma.text} is not led by its first term there; accepted: "
        f"{_standardize(plan)}inputs or targets in other units, or a larger --width"
    )


def _standardize(plan: Plan) -> str:
    return "" if plan.standardized else "--standardize, or "


def _steps(problem: Problem, signal: np.ndarray, plan: Plan) -> None:
    """Sign descent and Adam move a weight by lr at most: they reach the fall of the loss within the steps of a run."""
    sigma, x, std, lr = problem.activation, problem.x, plan.std, plan.lr
    p, c = sigma.multiplicity, abs(float(sigma.leading_coefficient))
    slow = ""
    if problem.optimizer is Optimizer.ADAM:
        w = std * np.random.default_rng(0).standard_normal((200, x.shape[1]))
        z = w @ x.T
        on_a, on_w = c * z**p @ signal / len(x), p * c * std * (z ** (p - 1) * signal) @ x / len(x)
        gradient = float(max(np.max(np.abs(on_a)), np.max(np.abs(on_w))))
        if gradient <= _NOTHING * p * c * std * _moment_bound(std * x, signal, p - 1) * float(
            np.max(np.abs(x))
        ):
            return  # this order's moments vanish, a higher one drives the flow
        ratio = ADAM_EPSILON / gradient
        slow = (
            f" (and gradients of {gradient:.1g} are below Adam's epsilon, {ADAM_EPSILON:g})"
            if ratio > 1
            else ""
        )
        # Steps are lr g/ε with g ∝ θ^p until g is ε.
        below = (std / lr) * ratio * (math.log(ratio) if p == 1 else 1 / (p - 1)) if ratio > 1 else 0.0
        if below > plan.steps:
            raise TheoryError(
                f"--optimizer adam from init_std {std:g}: gradients are about {gradient:.1g} at the start (std^p |c T|), "
                f"so far below Adam's epsilon of {ADAM_EPSILON:g} that it takes about {below:.1g} steps to outgrow it, "
                f"where a run has {plan.steps}; accepted: a larger --init-std, or targets in larger units"
            )
    fraction = plan.fraction or (0.001 if p == 1 else 0.01)
    # Σ_j c a_j z_j^p ≤ m c θ^{p+1} ‖x‖₁^p where no weight exceeds θ.
    most = plan.width * c * float(np.mean(np.abs(signal) * np.sum(np.abs(x), axis=1) ** p))
    reach = (fraction * problem.risk / most) ** (1 / (p + 1)) if most > 0 else 0.0
    if reach / lr > 4 * plan.steps:  # a step of Adam may be somewhat longer than lr
        raise TheoryError(
            f"--optimizer {problem.optimizer.value}: the weights are to grow to about {reach:.1g} by steps of at most lr = "
            f"{lr:.1g}: more than {reach / lr:.1g} steps{slow}, where a run has {plan.steps}; accepted: a larger "
            "--init-std or --lr, or a smaller --fraction"
        )


def _time_left(problem: Problem, signal: np.ndarray, plan: Plan) -> None:
    """p ≥ 2: the amplitude r of the leader falls short of its blow-up t* by t* - t ∝ r^{1-p}; where that is less than t* is
    known to at every fall of the loss that is tried, no time has the horizon."""
    sigma, x, std = problem.activation, problem.x, plan.std
    p, c = sigma.multiplicity, abs(float(sigma.leading_coefficient))
    # Of so many neurons one on average is longer.
    longest = std * math.sqrt(float(chi2.isf(1 / (plan.width * plan.networks + 1), problem.dimension)))
    # The largest |P(u)|, P(u) = mean(s (u·x)^p), by the shifted power method from a few hundred starts.
    u = np.random.default_rng(0).standard_normal((300, x.shape[1]))
    largest = 0.0
    for sign in (1.0, -1.0):
        v = u / np.linalg.norm(u, axis=1, keepdims=True)
        for _ in range(60):
            z = v @ x.T
            force = sign * (z ** (p - 1) * signal) @ x / len(x)
            value = np.abs(np.sum(force * v, axis=1, keepdims=True))
            v = force + (p - 1) * value * v
            v /= np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-300)
        largest = max(largest, float(np.max(np.abs((v @ x.T) ** p @ signal / len(x)))))
    if not _NOTHING * _moment_bound(x, signal, p) < largest < math.inf:
        return
    fraction = plan.fraction or LEAST_FALL
    reach = (fraction * problem.risk * math.sqrt(p) / (c * largest)) ** (1 / (p + 1))
    share = (longest / reach) ** (p - 1)
    if share < _RESOLVED:
        enough = std * (_RESOLVED / share) ** (1 / (p - 1))
        raise TheoryError(
            f"p = {p} from init_std {std:g}: when the loss has fallen by {fraction:.1g} the weights have grown "
            f"{reach / longest:.1g} times, and the time left before the blow-up is {share:.1g} of it, less than the flow "
            f"is followed to; accepted: --init-std above {2 * enough:.1g}"
        )


def _moment_bound(x: np.ndarray, signal: np.ndarray, order: int) -> float:
    """mean(|s| ‖x‖^k), which no moment of order k exceeds."""
    return float(np.mean(np.abs(signal) * np.linalg.norm(x, axis=1) ** order))
