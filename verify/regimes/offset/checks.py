"""σ(0) ≠ 0: is the mean fitted first, do the neurons follow the corrected orientation, and when do the signs split?

The reference is the offset system, integrated.  What it leaves out, all Taylor terms beyond the first, is evaluated on its
own states; over the way it adds up to the share `lean` of the motion.  Above `NEGLECTED` the system is no description.
"""

from __future__ import annotations

import numpy as np

from numerics.measure.orientation import chance_counts, clusters
from theory.forms.vectors import angle, unit
from theory.predictions.expected import NEGLECTED
from verify.regimes.common.count import DRAWS, turned_by
from verify.regimes.offset.evidence import SHARE, OffsetEvidence, split_times
from verify.report.verdict import Check, Verdict, at_most, within

COSINE = 0.95


def fitted_mean(evidence: OffsetEvidence) -> list[Check]:
    """Before any neuron turns the networks put out the constant that fits the data best."""
    look, sigma = evidence.look, evidence.prediction.field
    outputs = _mean_output(evidence, evidence.seen_a[look], evidence.seen_w[look])
    flow = np.array(
        [
            float(np.mean(sigma.output(a, w)))
            for a, w in zip(evidence.flow_a[look], evidence.flow_w[look], strict=True)
        ]
    )
    target, lean = float(evidence.prediction.fitted), float(evidence.lean[look])
    # The outputs beyond the constant are c Σ a w·x, whose growth the next Taylor term changes by its own share.
    allowed = lean * (np.abs(flow - target) + abs(target)) + 1e-9
    worst = int(np.argmax(np.abs(outputs - flow) / allowed))
    return [
        Check(
            name=f"mean output once the mean is fitted (best constant {target:.4g}; worst network)",
            predicted=float(flow[worst]),
            observed=float(outputs[worst]),
            tolerance=float(allowed[worst]),
            verdict=_known(within(float(flow[worst]), float(outputs[worst]), float(allowed[worst])), lean),
            why=f"the offset system leaves {lean:.2g} of the motion out by then; before training the output is 0"
            + _beyond(lean),
            details={"outputs": outputs, "offset_system": flow, "time": evidence.grid[look]},
        )
    ]


def corrected_orientation(evidence: OffsetEvidence) -> list[Check]:
    """The cosine to the mean-corrected orientation after the mean is fitted and before the signs split."""
    if evidence.dimension == 1:
        return []
    look = evidence.look
    observed = float(np.median(evidence.cosines(evidence.seen_w[look])))
    predicted = float(np.median(evidence.cosines(evidence.flow_w[look])))
    rest, lean = float(np.arccos(np.clip(predicted, -1, 1))), float(evidence.lean[look])
    tolerance = lean * (np.sin(rest) + lean / 2) + 1e-9
    chance = _chance_cosine(evidence)
    return [
        Check(
            name="median cosine to the mean-corrected orientation, mean fitted and before the split",
            predicted=predicted,
            observed=observed,
            tolerance=tolerance,
            verdict=_known(within(predicted, observed, tolerance), lean)
            if chance < predicted
            else Verdict.INCONCLUSIVE,
            why=f"what the offset system leaves out may turn a neuron by {lean:.2g} rad; random vectors come to "
            f"{chance:.3g}" + _beyond(lean),
            details={"chance": chance, "time": evidence.grid[look]},
        )
    ]


def naive_orientation(evidence: OffsetEvidence) -> list[Check]:
    """The orientation ± mean(s x) of the signal at zero output, as the source paper's Proposition gives it."""
    if evidence.dimension == 1:
        return []
    field, look = evidence.prediction.field, evidence.look
    naive = unit(field.signal(np.zeros(len(field.y)), field.y) @ evidence.prediction.x)
    apart = abs(float(naive @ evidence.prediction.direction))
    observed = float(np.median(np.abs(unit(evidence.seen_w[look]) @ naive)))
    rest = float(np.arccos(np.clip(np.median(evidence.cosines(evidence.flow_w[look])), -1, 1)))
    lean = float(evidence.lean[look])
    tolerance = 1 - np.cos(rest + lean)
    told_apart = np.arccos(min(apart, 1.0)) > 2 * (rest + lean)
    return [
        Check(
            name="median cosine to ± Σ s x with the signal at zero output, at the same time",
            predicted=1.0,
            observed=observed,
            tolerance=float(tolerance),
            verdict=within(1.0, observed, float(tolerance)) if told_apart else Verdict.INCONCLUSIVE,
            why="with σ(0) ≠ 0 the constant is fitted while the input weights sleep, so that the signal which turns them "
            f"has no mean: the two orientations have the cosine {apart:.3g}",
            source="Zhou et al. 2022, Proposition 1 for σ(0) ≠ 0",
            details={"between_the_two": apart},
        )
    ]


def own_flow(evidence: OffsetEvidence) -> list[Check]:
    """Every neuron against the offset system from its own start, at the same time, relative to its turn."""
    if evidence.dimension == 1:
        return []
    look = evidence.look
    seen, flow = unit(evidence.seen_w[look]), unit(evidence.flow_w[look])
    turn = angle(unit(evidence.trained.w0), flow)
    ratio = angle(seen, flow) / turn
    observed, median_turn = float(np.median(ratio)), float(np.median(turn))
    tolerance = float(evidence.lean[look]) / median_turn + 1e-6
    return [
        Check(
            name="each neuron against the offset system (median error of its turn, relative)",
            predicted=0.0,
            observed=observed,
            tolerance=tolerance,
            verdict=_known(at_most(observed, tolerance), float(evidence.lean[look])),
            why="what the offset system leaves out over the way; 1 would be a neuron that the prediction knows nothing of"
            + _beyond(float(evidence.lean[look])),
            details={"median_turn_rad": median_turn, "ninetieth_percentile": float(np.quantile(ratio, 0.9))},
        )
    ]


def shares_before(evidence: OffsetEvidence) -> list[Check]:
    """Before the split all neurons share one sign."""
    look = evidence.look
    turned = evidence.turned(evidence.seen_w)[look]
    expected = evidence.turned(evidence.flow_w)[look]
    predicted, observed = float(1 - expected.mean()), float(1 - turned.mean())
    # A neuron so near to the hyperplane that the next Taylor term may carry it across is undecided.
    near = evidence.cosines(evidence.flow_w[look]) < evidence.lean[look]
    return [
        Check(
            name="share of neurons on the common side before the split",
            predicted=predicted,
            observed=observed,
            tolerance=float(near.mean()),
            verdict=_known(
                within(predicted, observed, float(near.mean()) + 1e-12), float(evidence.lean[look])
            ),
            why=f"at time {evidence.grid[look]:.4g}, half of that at which the first neuron is to turn; the sides of the "
            "draw are half and half" + _beyond(float(evidence.lean[look])),
        )
    ]


def split_time(evidence: OffsetEvidence) -> list[Check]:
    """When a share of the neurons has turned round, network by network."""
    observed = split_times(evidence.grid, evidence.turned(evidence.seen_w))
    predicted = split_times(evidence.grid, evidence.turned(evidence.flow_w))
    usable = np.isfinite(predicted) & (predicted > 0)
    spacing = float(evidence.grid[1] - evidence.grid[0])
    split = int(np.argmin(np.abs(evidence.grid - np.min(predicted[usable], initial=evidence.grid[-1]))))
    tolerance = float(evidence.lean[split]) + spacing / float(evidence.grid[split])
    width = evidence.trained.a0.shape[1]
    closed = [
        evidence.prediction.split(a, w, share=SHARE).time
        for a, w in zip(evidence.trained.a0, evidence.trained.w0, strict=True)
    ]
    error = np.abs(observed[usable] / predicted[usable] - 1)
    worst = float(np.max(error)) if usable.any() else float("nan")
    lean = float(evidence.lean[split])
    verdict = _known(at_most(worst, tolerance), lean) if usable.all() else Verdict.INCONCLUSIVE
    why = "what the offset system leaves out until the split, and the spacing of the snapshots" + _beyond(
        lean
    )
    if not usable.all():
        why = "not every network is to split in this time: a wider network or smaller weights would split earlier"
    return [
        Check(
            name=f"time at which {100 * SHARE:g} % of the neurons have turned round (relative error, worst network)",
            predicted=0.0,
            observed=worst,
            tolerance=tolerance,
            verdict=verdict,
            why=why,
            details={
                "predicted_times": predicted,
                "observed_times": observed,
                "closed_form_times": closed,
                "typical_closed_form": evidence.prediction.typical_split(width, evidence.trained.std),
            },
        )
    ]


def shares_after(evidence: OffsetEvidence) -> list[Check]:
    """After the split: the share on either side, network by network."""
    seen, flow = evidence.turned(evidence.seen_w), evidence.turned(evidence.flow_w)
    # In the time by which the split is uncertain this share of the neurons turns.
    lean = float(evidence.lean[-1])
    back = int(np.searchsorted(evidence.grid, evidence.grid[-1] * (1 - min(lean, 0.5))))
    allowed = 2 * np.abs(flow[-1] - flow[min(back, len(flow) - 1)]) + 1 / evidence.trained.a0.shape[1] + 1e-9
    error = np.abs(seen[-1] - flow[-1])
    worst = int(np.argmax(error / allowed))
    return [
        Check(
            name="share of neurons that have turned round at the end (worst network)",
            predicted=float(flow[-1, worst]),
            observed=float(seen[-1, worst]),
            tolerance=float(allowed[worst]),
            verdict=_known(
                within(float(flow[-1, worst]), float(seen[-1, worst]), float(allowed[worst])), lean
            ),
            why="one neuron, and those that turn within the uncertainty of the time" + _beyond(lean),
            details={
                "predicted": flow[-1],
                "observed": seen[-1],
                "time": evidence.grid[-1],
                "confusion": evidence.destinations.to_json(),
            },
        )
    ]


def number_of_orientations(evidence: OffsetEvidence) -> list[Check]:
    """Orientations that carry at least 5 % of the amplitude, before the split and at the end, expected and observed."""
    found = []
    for name, index in (("before the split", evidence.look), ("after the split", -1)):
        observed = _counts(evidence.seen_a[index], evidence.seen_w[index])
        expected = _counts(evidence.flow_a[index], evidence.flow_w[index])
        lean = float(evidence.lean[index])
        moved = np.array([expected, *_moved_counts(evidence, index, lean)])
        low, high = moved.min(axis=0), moved.max(axis=0)
        agree = int(np.sum((low <= observed) & (observed <= high)))
        chance = chance_counts(
            evidence.trained.a0.shape[1],
            evidence.dimension,
            cosine=COSINE,
            seed=np.random.SeedSequence([evidence.experiment.seed, 2]),
            weights=_amplitudes(evidence.seen_a[index, 0], evidence.seen_w[index, 0]),
            draws=20,
        )
        found.append(
            Check(
                name=f"number of orientations by amplitude, {name}",
                predicted=_range(expected),
                observed=_range(observed),
                tolerance=f"±{int(np.max(high - low))}" if np.any(high > low) else "0",
                verdict=_known(Verdict.CONFIRMED if agree == len(observed) else Verdict.REFUTED, lean),
                why=f"{agree} of {len(observed)} networks agree with the offset system at that time; random vectors of the "
                f"same amplitudes come to {chance.mean():.1f}" + _beyond(lean),
                details={"expected_counts": expected, "observed_counts": observed},
            )
        )
    return found


def papers_count(evidence: OffsetEvidence) -> list[Check]:
    """What the source paper reports in two places: one orientation, and two opposite ones."""
    early = _counts(evidence.seen_a[evidence.look], evidence.seen_w[evidence.look])
    late = _counts(evidence.seen_a[-1], evidence.seen_w[-1])
    both = set(early) == {1} and set(late) == {2}
    return [
        Check(
            name="one orientation in one place, two opposite ones in another",
            predicted="1; 2",
            observed=f"{_range(early)}; {_range(late)}",
            tolerance="0",
            verdict=Verdict.CONFIRMED if both else Verdict.INCONCLUSIVE,
            why="the same networks before and after the split of signs, by amplitude",
            source="Zhou et al. 2022, observations on sigmoid and softplus",
        )
    ]


def _known(verdict: Verdict, lean: float) -> Verdict:
    """The verdict where the offset system is a description."""
    return verdict if lean <= NEGLECTED else Verdict.INCONCLUSIVE


def _beyond(lean: float) -> str:
    if lean <= NEGLECTED:
        return ""
    return (
        f"; the system leaves {lean:.2g} of the motion out by then, above {NEGLECTED:g}, as where the common mode fits the "
        "data before the signs split: a smaller --init-std or a larger --width would be conclusive"
    )


def _moved_counts(evidence: OffsetEvidence, index: int, lean: float) -> list[list[int]]:
    """The counts when every neuron is turned by what is left out."""
    generator = np.random.default_rng(np.random.SeedSequence([evidence.experiment.seed, 5]))
    a, w = evidence.flow_a[index], evidence.flow_w[index]
    size = np.full(a.shape[1], min(lean, NEGLECTED))
    return [
        _counts(
            a,
            np.array(
                [turned_by(unit(each), size, generator) * np.linalg.norm(each, axis=1)[:, None] for each in w]
            ),
        )
        for _ in range(DRAWS)
    ]


def _amplitudes(a: np.ndarray, w: np.ndarray) -> np.ndarray:
    return np.abs(a) * np.linalg.norm(w, axis=-1)


def _counts(a: np.ndarray, w: np.ndarray) -> list[int]:
    return [
        len(clusters(unit(each_w), cosine=COSINE, weights=_amplitudes(each_a, each_w)))
        for each_a, each_w in zip(a, w, strict=True)
    ]


def _range(counts: list[int]) -> str:
    low, high = min(counts), max(counts)
    return str(low) if low == high else f"{low}-{high}, mean {np.mean(counts):.2g}"


def _chance_cosine(evidence: OffsetEvidence, draws: int = 4000) -> float:
    generator = np.random.default_rng(np.random.SeedSequence([evidence.experiment.seed, 1]))
    u = unit(generator.standard_normal((draws, evidence.dimension)))
    return float(np.median(np.abs(u @ evidence.prediction.direction)))


def _mean_output(evidence: OffsetEvidence, a: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The mean over the data of the real networks' outputs (B,)."""
    import torch

    from verify.bridge.formula import torch_activation

    sigma = torch_activation(evidence.activation)
    values = sigma.value(torch.as_tensor(w @ evidence.prediction.x.T)).numpy()
    return np.einsum("bj,bjn->bn", a, values).mean(axis=1)
