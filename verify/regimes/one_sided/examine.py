"""Multiplicity 1 under gradient descent where neurons still decouple: one-sided activations, and K outputs.

Theory trains the leading order with the same discrete steps from the same weights; where neurons go in the end is told
by the leading flow itself: event by event for a one-sided activation, in closed form for K outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from numerics.training.stopping import LossFraction
from theory import Activation, OrientationSet, TheoryError, activation, loss
from theory.fields.one_sided import OneSidedField
from theory.fields.outputs import LinearOutputs
from theory.flows.coordinatewise import GradientRule, LeadingTraining, leading_training
from theory.flows.one_sided import OneSidedFate, one_sided_destinations
from theory.forms.taylor import FURTHER, series
from theory.forms.vectors import unit
from theory.losses.signal import Signal, signal_function
from theory.orientations.one_sided.find import one_sided_form
from theory.predictions.expected import NEGLECTED, Expected
from theory.predictions.landscape import collecting_orientations
from verify.bridge.experiment import Experiment
from verify.bridge.formula import torch_activation
from verify.bridge.training import MOMENTUM, initial_neurons, train_networks
from verify.progress import Progress
from verify.regimes.common.accuracy import measured_order
from verify.regimes.common.agreement import agreement
from verify.regimes.common.confusion import Confusion, confusion, labelled, nearest
from verify.regimes.common.count import bound_2p, counts
from verify.regimes.common.evidence import Trained
from verify.regimes.common.examination import Examination, Resolved, put
from verify.regimes.one_sided.checks import field_angle, field_destinations, field_horizon, field_training
from verify.regimes.one_sided.evidence import FieldEvidence
from verify.regimes.one_sided.figures import field_arrays, field_drawings
from verify.report.verdict import Check, Verdict

FRACTION = 0.001  # the fall of the loss that ends the initial stage, or a tenth, hundredth, ... where that is too much
DECADES = 4
# These compare networks at the end of the initial stage, where the leading order must still lead.
_AT_HORIZON = (field_angle, field_training, counts, field_horizon)
Ends = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Leading:
    """The leading order as numbers: data with the bias column, signal (n,) or (n, K), field, growth rate.

    `ends`: the unit vectors (N, D) to which neurons a (N,) or (N, K), w (N, D) go, 0 where they do not grow.  `vanish`:
    which of them (N,) come to w = 0 in finite time, where all cells meet, or to another point where the flow is not
    unique: the last step decides how they go on.  `signal_at` is the signal at any output and `targets`.
    """

    x: np.ndarray
    signal: np.ndarray
    risk: float
    curvature: float | np.ndarray
    field: OneSidedField
    orientations: OrientationSet
    rate: float
    ends: Ends
    vanish: Ends
    signal_at: Signal
    targets: np.ndarray


def examine_field(experiment: Experiment, watch: Progress) -> Examination:
    """Predict, train, follow and check; raises TheoryError where neither theorem applies."""
    watch.stage(f"{experiment.name}: predict")
    sigma = activation(experiment.activation)
    if sigma.multiplicity != 1:
        raise TheoryError(
            f"σ = {sigma.text} is one-sided, or has several outputs, with multiplicity {sigma.multiplicity}: `condense "
            "orientations` and `condense order` treat it; `condense verify` follows multiplicity 1, such as relu"
        )
    leading = _leading(experiment, sigma)
    evidence = _gather(experiment, sigma, leading, watch)
    watch.stage(f"{experiment.name}: order of accuracy")
    result, accuracy = measured_order(experiment)
    # The source paper's bound is for a multiplicity in its sense, which a kink has not.
    checks = (agreement, field_destinations, field_angle, field_training, counts, field_horizon)
    checks = (*checks, bound_2p) if sigma.is_smooth else checks
    found = []
    for check in checks:
        results = put((check,), evidence, experiment, watch)
        found += [_out_of_reach(each, evidence) if check in _AT_HORIZON else each for each in results]
    return Examination(
        experiment=experiment,
        resolved=Resolved.of(evidence, evidence.trained.step),
        checks=(accuracy, *found),
        notes=leading.orientations.notes,
        arrays=field_arrays(evidence),
        drawings=field_drawings(evidence, leading.field, result),
    )


def _leading(experiment: Experiment, sigma: Activation) -> Leading:
    data, ell = experiment.dataset, loss(experiment.loss)
    x = np.column_stack([data.x, np.ones(len(data.x))]) if experiment.bias else data.x
    signal = ell.signal(data.y).astype(float)
    found = collecting_orientations(
        data.x,
        data.y,
        sigma,
        loss_function=ell,
        bias=experiment.bias,
        max_paths=experiment.max_paths,
        seed=experiment.seed,
    )
    field = OneSidedField.of(sigma, x, signal)
    if signal.ndim == 2:
        modes = LinearOutputs(signal.T @ x / len(x), float(sigma.leading_coefficient))
        rate = float(modes.rates[0])

        def ends(a: np.ndarray, w: np.ndarray) -> np.ndarray:
            return modes.signs(a, w)[:, None] * modes.direction

        def vanish(a: np.ndarray, w: np.ndarray) -> np.ndarray:
            return np.zeros(len(w), dtype=bool)
    else:
        form, _ = one_sided_form(x, signal, sigma)
        heights = [abs(o.value) for o in found.attractors]
        if not heights:
            raise TheoryError(
                f"σ = {sigma.text}: no orientation grows on these data; other data would be accepted"
            )
        rate = max(heights)

        def ends(a: np.ndarray, w: np.ndarray) -> np.ndarray:
            there = one_sided_destinations(form, a, w)
            return np.where((there.fates == OneSidedFate.GROWS)[:, None], there.u, 0.0)

        def vanish(a: np.ndarray, w: np.ndarray) -> np.ndarray:
            there = one_sided_destinations(form, a, w)
            return (there.fates == OneSidedFate.DIES) | (there.fates == OneSidedFate.UNDECIDED)

    return Leading(
        x=x,
        signal=signal,
        risk=float(np.mean(ell.value_at_zero(data.y))),
        # Softmax couples the outputs: its mean curvature stands for a matrix, as the size of what is left out.
        curvature=ell.curvature_at_zero(data.y)
        if signal.ndim == 1
        else float(np.mean(ell.curvature_at_zero(data.y))),
        field=field,
        orientations=found,
        rate=rate,
        ends=ends,
        vanish=vanish,
        signal_at=signal_function(ell),
        targets=ell.targets(data.y),
    )


def _gather(experiment: Experiment, sigma: Activation, leading: Leading, watch: Progress) -> FieldEvidence:
    std = experiment.init_std or 1e-5
    real = torch_activation(sigma)
    memory = 1 / (1 - MOMENTUM) if experiment.optimizer == "momentum" else 1.0
    rule = GradientRule(MOMENTUM if memory > 1 else 0.0)
    rate = experiment.lr or experiment.step / leading.rate / memory**2
    field = leading.field

    def ascent(a: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        slope_a, slope_w = field(a.reshape(-1, *a.shape[2:]), w.reshape(-1, w.shape[-1]))
        return slope_a.reshape(a.shape), slope_w.reshape(w.shape)

    def output(a: np.ndarray, w: np.ndarray) -> np.ndarray:
        return field.form.value(leading.x @ w.T) @ a

    a0, w0 = initial_neurons(experiment, real, std)

    def follow(lr: float, fraction: float) -> LeadingTraining:
        watch.stage(f"{experiment.name}: steps of {lr:g} at leading order")
        # A quadratic loss that cannot fall so far lets the leading order run away: it then does not reach the fall.
        with np.errstate(over="ignore", invalid="ignore"):
            return leading_training(
                ascent,
                output,
                a0,
                w0,
                rule,
                lr=lr,
                s=leading.signal,
                risk=leading.risk,
                curvature=leading.curvature,
                fraction=fraction,
                every=20,
            )

    def trained(lr: float) -> Trained:
        watch.stage(f"{experiment.name}: train {experiment.seeds} networks from std {std:g}, lr {lr:g}")
        return train_networks(
            experiment, real, std=std, step=lr, lr=lr, stop=LossFraction(fraction), time_factor=memory
        )

    perturbation = np.zeros(0)
    # Without a wish of the user: the first fraction at which the leading order still leads.
    for decade in range(1 if experiment.fraction else DECADES):
        fraction = experiment.fraction or round(FRACTION * 10.0**-decade, 12)
        found = follow(rate, fraction)
        if not found.reached.all():
            continue
        perturbation = _perturbation(leading, sigma, found)
        if float(np.max(perturbation)) <= NEGLECTED:
            break
    if not found.reached.all():
        raise TheoryError(
            f"the leading order does not lower the risk by the fraction {fraction:g}: a smaller --fraction, or data whose "
            "first moments are larger, would be accepted"
        )
    half = follow(rate / 2, fraction)
    coarse, fine = trained(rate), trained(rate / 2)
    watch.stage(f"{experiment.name}: destinations")
    goals, table = _destinations(leading, coarse, fine, float(np.max(perturbation)), experiment.seed)
    return FieldEvidence(
        experiment=experiment,
        activation=sigma,
        order=1,
        orientations=leading.orientations,
        fraction=fraction,
        trained=coarse,
        refined=fine,
        expected=Expected(
            times=memory * found.times,
            uncertainty=np.asarray(perturbation / leading.rate),
            a=found.a,
            w=found.w,
            destinations=goals,
            blow_up_times=np.full(coarse.w0.shape[:2], np.inf),
            perturbation=perturbation,
            spread=np.broadcast_to(perturbation[:, None], coarse.w0.shape[:2]),
        ),
        leading=found,
        leading_half=half,
        rate=leading.rate,
        growth=_growth(leading, found),
        fall_error=_fall_error(leading, sigma, found),
        destinations=table,
    )


def _out_of_reach(check: Check, evidence: FieldEvidence) -> Check:
    if evidence.within_reach:
        return check
    return replace(
        check,
        verdict=Verdict.INCONCLUSIVE,
        why=f"when the loss has fallen by {100 * evidence.fraction:g} % the forces beyond leading order are "
        f"{evidence.left_out:.2g} of the leading one, above {NEGLECTED:g}: these data leave the initial stage earlier; a "
        "smaller --fraction, with a smaller --init-std, would be conclusive",
    )


def _perturbation(leading: Leading, sigma: Activation, found: LeadingTraining) -> np.ndarray:
    """The forces beyond leading order on the input weights relative to the leading ones (B,), at the end: in norm, or on
    average over what the neurons contribute to the fall, whichever is larger.

    Both sides are theory's own series: a wrong field cannot widen its own tolerance.
    """
    at_zero = leading.signal_at(np.zeros_like(leading.signal), leading.targets)
    out = []
    for a, w in zip(found.a, found.w, strict=True):
        columns, z = a.reshape(len(w), -1), w @ leading.x.T
        value, slope = series(sigma, z, range(1, FURTHER + 2))
        changed = leading.signal_at((value.T @ columns).reshape(leading.signal.shape), leading.targets)
        full, lead = (
            ((columns @ signal.reshape(len(leading.x), -1).T) * slopes) @ leading.x / len(leading.x)
            for signal, slopes in ((changed, slope), (at_zero, series(sigma, z, [1])[1]))
        )
        # Along w alone: what holds a neuron on a kink, to and fro from step to step, moves nothing.
        along, beyond = np.abs(np.sum(lead * unit(w), axis=1)), np.linalg.norm(full - lead, axis=1)
        each = np.divide(beyond, along, out=np.zeros_like(along), where=along > 0)
        share = along * np.linalg.norm(w, axis=1)
        out.append(max(np.linalg.norm(beyond) / np.linalg.norm(along), float(share @ each / share.sum())))
    return np.array(out)


def _growth(leading: Leading, found: LeadingTraining) -> np.ndarray:
    """d log H/dt (B,) at the end, H = Σ a·a' the first term of the fall: ‖∇H‖²/H along the gradient of H, but for
    what acts across w and holds a neuron on its kink."""
    out = []
    for a, w in zip(found.a, found.w, strict=True):
        slope_a, slope_w = leading.field(a, w)
        out.append(
            (np.sum(slope_a**2) + np.sum(np.sum(slope_w * unit(w), axis=1) ** 2)) / np.sum(a * slope_a)
        )
    return np.array(out)


def _fall_error(leading: Leading, sigma: Activation, found: LeadingTraining) -> np.ndarray:
    """How far the fall of the risk that leading-order training counts is from the whole one (B,), relative to it."""
    nodes, weights = np.polynomial.legendre.leggauss(12)
    at_zero = leading.signal_at(np.zeros_like(leading.signal), leading.targets)
    out = []
    for a, w in zip(found.a, found.w, strict=True):
        z = w @ leading.x.T
        f, lead = (
            (series(sigma, z, orders)[0].T @ a.reshape(len(w), -1)).reshape(leading.signal.shape)
            for orders in (range(1, FURTHER + 2), [1])
        )
        counted = np.sum(at_zero * lead) - 0.5 * np.sum(leading.curvature * lead**2)
        fall = sum(
            0.5 * weight * np.sum(f * leading.signal_at(0.5 * (node + 1) * f, leading.targets))
            for node, weight in zip(nodes, weights, strict=True)
        )
        out.append(abs(fall - counted) / abs(fall))
    return np.array(out)


def _destinations(
    leading: Leading, coarse: Trained, fine: Trained, left_out: float, seed: int
) -> tuple[np.ndarray, Confusion]:
    """The destination (B, m, D) of every neuron from its start, and the confusion table."""
    shape = coarse.w0.shape
    tail = coarse.a0.shape[2:]

    def ends(a: np.ndarray, w: np.ndarray) -> np.ndarray:
        return leading.ends(a.reshape(-1, *tail), w.reshape(-1, shape[-1]))

    predicted = ends(coarse.a0, coarse.w0)
    listed = np.array([o.u for o in leading.orientations.attractors]).reshape(-1, shape[-1])
    classes = [nearest(u, listed, 1e-5) for u in (predicted, ends(coarse.a, coarse.w), ends(fine.a, fine.w))]
    # A neuron that a change of its weights by what theory leaves out sends elsewhere started near a boundary.
    generator = np.random.default_rng(np.random.SeedSequence([seed, 6]))
    doubtful = np.flatnonzero(classes[0] != classes[1])
    boundary = np.zeros(len(predicted), dtype=bool)
    a0, w0 = coarse.a0.reshape(-1, *tail)[doubtful], coarse.w0.reshape(-1, shape[-1])[doubtful]
    if len(doubtful):
        boundary[doubtful] = leading.vanish(a0, w0)
    for _ in range(16 if len(doubtful) else 0):
        size = left_out * np.linalg.norm(w0, axis=1, keepdims=True)
        moved = w0 + size * unit(generator.standard_normal(w0.shape))
        boundary[doubtful] |= nearest(leading.ends(a0, moved), listed, 1e-5) != classes[0][doubtful]
    return predicted.reshape(shape), confusion(labelled(listed), classes[0], classes[1], classes[2], boundary)
