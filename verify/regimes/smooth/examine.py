"""The smooth leading-order flow under gradient descent, with or without momentum: σ(0) = 0, one output, any p.

Heavy-ball momentum b ← μ b + g, θ ← θ - lr b walks the path of gradient flow in the time lr × steps / (1 - μ): with
slowly changing gradients b tends to g/(1 - μ).  Its memory of 1/(1 - μ) steps makes an error of that many steps, which
is why they are smaller by 1 - μ than those of gradient descent; being of first order it is extrapolated away alike.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from numerics.nets.activations import TorchActivation
from numerics.training.schedules import Rate, RescaledTime
from numerics.training.stopping import LossFraction
from theory import SmoothPrediction, TheoryError, predict
from theory.predictions.expected import NEGLECTED, Expected
from verify.bridge.experiment import Experiment
from verify.bridge.formula import torch_activation
from verify.bridge.training import MOMENTUM, initial_neurons, train_networks
from verify.order import OrderResult, measure_order
from verify.order.cases import neuron_case
from verify.order.engine import LOWEST
from verify.progress import Progress
from verify.regimes.common.agreement import agreement
from verify.regimes.common.amplitude import amplitude
from verify.regimes.common.count import bound_2p, counts
from verify.regimes.common.evidence import SmoothEvidence, Trained, has_initial_stage, stage
from verify.regimes.common.examination import Examination, Resolved, put
from verify.regimes.common.order import competing_sizes, order_check
from verify.regimes.smooth.destination import destination
from verify.regimes.smooth.destinations import trained_destinations
from verify.regimes.smooth.figures import smooth_arrays, smooth_drawings
from verify.regimes.smooth.horizon import horizon
from verify.regimes.smooth.invariant import invariant
from verify.regimes.smooth.scaling import scaling
from verify.regimes.smooth.shadow import shadow
from verify.report.verdict import Check, Verdict

DECADES = 7  # of the fall of the loss that are tried

# These compare networks at the end of the initial stage, where the leading order must still lead.
_AT_HORIZON = (amplitude, shadow, counts, horizon, scaling)
_CHECKS = (agreement, destination, amplitude, shadow, counts, bound_2p, invariant, horizon, scaling)


def examine_smooth(experiment: Experiment, watch: Progress) -> Examination:
    """Predict, train, expect and check; raises TheoryError where the smooth theorem does not apply."""
    watch.stage(f"{experiment.name}: predict")
    data = experiment.dataset
    prediction = predict(
        data.x,
        data.y,
        experiment.activation,
        loss_function=experiment.loss,
        bias=experiment.bias,
        max_paths=experiment.max_paths,
        seed=experiment.seed,
    )
    sigma = torch_activation(prediction.activation)
    evidence = _gather(experiment, prediction, sigma, watch)
    watch.stage(f"{experiment.name}: order of accuracy")
    started = time.perf_counter()
    result = _order(experiment, prediction, sigma)
    seconds = time.perf_counter() - started
    sizes = competing_sizes(prediction, result.tau, experiment.seed)
    checks = [order_check(result, prediction.system.order_terms, sizes).timed(seconds, experiment.name)]
    for check in _CHECKS:
        found = put((check,), evidence, experiment, watch)
        if check in _AT_HORIZON and not evidence.within_reach:
            found = [_out_of_reach(each, evidence) for each in found]
        checks += found
    return Examination(
        experiment=experiment,
        resolved=Resolved.of(evidence, _pace(experiment, prediction, experiment.step)[0]),
        checks=tuple(checks),
        notes=(*prediction.notes, *prediction.orientations.notes),
        arrays=smooth_arrays(evidence, result),
        drawings=smooth_drawings(evidence, result),
    )


def _order(experiment: Experiment, prediction: SmoothPrediction, sigma: TorchActivation) -> OrderResult:
    """The order of accuracy; of a formula that loses its digits at small arguments, as 1 - sqrt(1 + x**2) does, on the
    scales that it leaves, with integrators that ask for no more digits than there are."""
    case = neuron_case(
        prediction.system,
        prediction.field,
        prediction.activation,
        experiment.dataset.x,
        prediction.y,
        loss=experiment.loss,
        bias=experiment.bias,
        seed=experiment.seed,
    )
    if case.lowest > LOWEST:
        return case.measure(predicted=prediction.system.order)
    return measure_order(
        prediction, sigma.value, sigma.derivative, loss=experiment.loss, seed=experiment.seed
    )


def _gather(
    experiment: Experiment, prediction: SmoothPrediction, sigma: TorchActivation, watch: Progress
) -> SmoothEvidence:
    std = experiment.init_std or (1e-5 if prediction.driving_order == 1 else 1e-3)
    watch.stage(f"{experiment.name}: expect")
    fraction, expected = _initial_stage(experiment, prediction, *initial_neurons(experiment, sigma, std))
    scales = _scales(experiment, prediction, sigma, std, fraction) if prediction.driving_order == 1 else ()

    def trained(scale: float, step: float) -> Trained:
        watch.stage(f"{experiment.name}: train {experiment.seeds} networks from std {scale:g}, step {step:g}")
        lr, factor = _pace(experiment, prediction, step)
        return train_networks(
            experiment, sigma, std=scale, step=step, lr=lr, stop=LossFraction(fraction), time_factor=factor
        )

    coarse, fine = trained(std, experiment.step), trained(std, experiment.step / 2)
    return SmoothEvidence(
        experiment=experiment,
        activation=prediction.activation,
        order=prediction.driving_order,
        orientations=prediction.orientations,
        prediction=prediction,
        fraction=fraction,
        trained=coarse,
        refined=fine,
        expected=expected,
        scales=tuple(trained(scale, experiment.step) for scale in scales),
        destinations=trained_destinations(prediction, coarse, fine, expected, experiment.seed),
    )


def _initial_stage(
    experiment: Experiment, prediction: SmoothPrediction, a0: np.ndarray, w0: np.ndarray
) -> tuple[float, Expected]:
    """The fall of the loss that ends the initial stage, and what is expected there.

    Without a wish of the user: 0.1 % for order 1 and 1 % above, or the first tenth, hundredth, ... of that at which the
    forces beyond leading order are small enough for their first order to describe them.
    """
    if experiment.fraction is not None:
        return experiment.fraction, prediction.expect(a0, w0, fraction=experiment.fraction)
    first, refusal = 0.001 if prediction.driving_order == 1 else 0.01, None
    for decade in range(DECADES):
        fraction = round(first * 10.0**-decade, 12)
        try:
            expected = prediction.expect(a0, w0, fraction=fraction)
        except TheoryError as error:
            refusal = refusal or error
            if decade == DECADES - 1:
                raise refusal from None
            continue
        if expected.neglected <= NEGLECTED:
            break
    return fraction, expected


def _scales(
    experiment: Experiment, prediction: SmoothPrediction, sigma: TorchActivation, std: float, fraction: float
) -> tuple[float, ...]:
    """Two further scales for the exponent of the angle: 100 and 10 times std, or a tenth and a hundredth of it where
    from those the loss falls before there is an initial stage."""
    found = []
    for up, down in ((100.0, 0.01), (10.0, 0.1)):
        try:
            expected = prediction.expect(*initial_neurons(experiment, sigma, up * std), fraction=fraction)
            usable = has_initial_stage(prediction, expected)
        except TheoryError:
            usable = False
        found.append((up if usable else down) * std)
    return tuple(found)


def _pace(experiment: Experiment, prediction: SmoothPrediction, step: float) -> tuple[Rate, float]:
    """The learning rate, and the gradient-flow time of one unit of learning rate × steps."""
    memory = 1 / (1 - MOMENTUM) if experiment.optimizer == "momentum" else 1.0
    if experiment.lr is not None:
        return experiment.lr * step / experiment.step, memory
    return RescaledTime(
        step / memory**2, multiplicity=prediction.driving_order, rate=clock_rate(prediction)
    ), memory


def clock_rate(prediction: SmoothPrediction) -> float:
    """The rate of the leading flow at unit size: p |c| max |P|, so that a step of rescaled time is a share of ρ."""
    if prediction.driving_order == 1:
        return prediction.linear.rate
    steepest = max((abs(o.value) for o in prediction.orientations.orientations), default=0.0)
    if steepest == 0:
        generator = np.random.default_rng(0)
        u = generator.standard_normal((1000, prediction.x.shape[1]))
        u /= np.linalg.norm(u, axis=1, keepdims=True)
        steepest = float(np.max(np.linalg.norm(prediction.field.tensor.gradient(u), axis=1)))
    return prediction.driving_order * abs(prediction.coefficient) * steepest


def _out_of_reach(check: Check, evidence: SmoothEvidence) -> Check:
    lasting = stage(evidence.prediction, evidence.expected)
    if evidence.expected.neglected > NEGLECTED:
        why = (
            f"when the loss has fallen by {100 * evidence.fraction:g} % the forces that the prediction leaves out are "
            f"{evidence.expected.neglected:.2g} of the leading one, above {NEGLECTED:g}: these data leave the initial "
            "stage earlier; a smaller --fraction, with a smaller --init-std, would be conclusive"
        )
    else:
        why = (
            f"the loss has fallen by {100 * evidence.fraction:g} % after {lasting:.2g}/γ, before the growing mode rules: "
            "there is no initial stage; a smaller --init-std would give one"
        )
    return replace(check, verdict=Verdict.INCONCLUSIVE, why=why)
