"""σ(0) ≠ 0, the split of the signs: when, how many neurons turn round, and how many orientations there are then."""

from __future__ import annotations

import numpy as np

from numerics.measure import chance_counts, clusters
from theory.flows.offset_split import SHARE, split_times
from theory.forms.vectors import unit
from theory.predictions.prediction import NEGLECTED
from theory.streams import Stream, generator, sequence
from verify.regimes.common.count import COSINE, DRAWS, turned_by
from verify.regimes.common.regime import Scope
from verify.regimes.offset.checks import ROUNDING, not_described
from verify.regimes.offset.evidence import OffsetEvidence
from verify.verdict import Check, Verdict, at_most, within

_CHANCE_DRAWS = 20  # sets of random vectors; chosen because only the mean of their counts is shown


def _at_split(evidence: OffsetEvidence) -> int:
    """The index of the time at which the first network is to split, the last one where none is."""
    times, grid = evidence.expected.splits(), evidence.grid
    return int(np.argmin(np.abs(grid - np.min(times[_splitting(times)], initial=grid[-1]))))


def _splitting(times: np.ndarray) -> np.ndarray:
    return np.isfinite(times) & (times > 0)


AT_SPLIT: Scope[OffsetEvidence] = Scope(
    "the offset system describes the network until it splits",
    lambda evidence: not_described(float(evidence.left_out[_at_split(evidence)])),
)
UNTIL_THE_END: Scope[OffsetEvidence] = Scope(
    "the offset system describes the network until training ends",
    lambda evidence: not_described(float(evidence.left_out[-1])),
)


def split_time(evidence: OffsetEvidence) -> list[Check]:
    """When a share of the neurons has turned round, network by network."""
    grid = evidence.grid
    observed, predicted = split_times(grid, evidence.turned), evidence.expected.splits()
    usable, split = _splitting(predicted), _at_split(evidence)
    tolerance = float(evidence.left_out[split]) + float(grid[1] - grid[0]) / float(grid[split])
    error = np.abs(observed[usable] / predicted[usable] - 1)
    worst = float(np.max(error)) if usable.any() else float("nan")
    return [
        Check(
            name=f"time at which {100 * SHARE:g} % of the neurons have turned round (relative error, worst network)",
            predicted=0.0,
            observed=worst,
            tolerance=tolerance,
            verdict=at_most(worst, tolerance),
            why="what the offset system leaves out until the split, and the spacing of the snapshots",
            details={
                "predicted_times": predicted,
                "observed_times": observed,
                "closed_form_times": evidence.closed_splits,
                "typical_closed_form": evidence.typical_split,
            },
        ).undecided(
            None
            if usable.all()
            else "not every network is to split in this time: a wider network or smaller weights would split earlier"
        )
    ]


def shares_after(evidence: OffsetEvidence) -> list[Check]:
    """After the split: the share on either side, network by network."""
    seen, flow, grid = evidence.turned, evidence.expected.turned, evidence.grid
    # In the time by which the split is uncertain this share of the neurons turns.
    back = int(np.searchsorted(grid, grid[-1] * (1 - min(float(evidence.left_out[-1]), 0.5))))
    allowed = 2 * np.abs(flow[-1] - flow[min(back, len(flow) - 1)])
    allowed = allowed + 1 / evidence.trained.a0.shape[1] + ROUNDING
    error = np.abs(seen[-1] - flow[-1])
    worst = int(np.argmax(error / allowed))
    return [
        Check(
            name="share of neurons that have turned round at the end (worst network)",
            predicted=float(flow[-1, worst]),
            observed=float(seen[-1, worst]),
            tolerance=float(allowed[worst]),
            verdict=within(float(flow[-1, worst]), float(seen[-1, worst]), float(allowed[worst])),
            why="one neuron, and those that turn within the uncertainty of the time",
            details={
                "predicted": flow[-1],
                "observed": seen[-1],
                "time": grid[-1],
                "confusion": evidence.destinations.to_json(),
            },
        )
    ]


def orientations_before(evidence: OffsetEvidence) -> list[Check]:
    """Orientations that carry at least 5 % of the amplitude before the split, expected and observed."""
    return [_number(evidence, "before the split", evidence.look)]


def orientations_after(evidence: OffsetEvidence) -> list[Check]:
    """The same at the end."""
    return [_number(evidence, "after the split", -1)]


def _number(evidence: OffsetEvidence, name: str, index: int) -> Check:
    observed = _counts(evidence.seen_a[index], evidence.seen_w[index])
    expected = _counts(evidence.expected.flow_a[index], evidence.expected.flow_w[index])
    moved = np.array([expected, *_moved_counts(evidence, index)])
    low, high = moved.min(axis=0), moved.max(axis=0)
    agree = int(np.sum((low <= observed) & (observed <= high)))
    chance = chance_counts(
        evidence.trained.a0.shape[1],
        evidence.dimension,
        cosine=COSINE,
        seed=sequence(evidence.experiment.seed, Stream.CHANCE_COUNT),
        weights=_amplitudes(evidence.seen_a[index, 0], evidence.seen_w[index, 0]),
        draws=_CHANCE_DRAWS,
    )
    return Check(
        name=f"number of orientations by amplitude, {name}",
        predicted=_range(expected),
        observed=_range(observed),
        tolerance=f"±{int(np.max(high - low))}" if np.any(high > low) else "0",
        verdict=Verdict.CONFIRMED if agree == len(observed) else Verdict.REFUTED,
        why=f"{agree} of {len(observed)} networks agree with the offset system at that time; random vectors of the same "
        f"amplitudes come to {chance.mean():.1f}",
        details={"expected_counts": expected, "observed_counts": observed},
    )


def papers_count(evidence: OffsetEvidence) -> list[Check]:
    """What the source paper reports in two places: one orientation, and two opposite ones."""
    early = _counts(evidence.seen_a[evidence.look], evidence.seen_w[evidence.look])
    late = _counts(evidence.seen_a[-1], evidence.seen_w[-1])
    why = "the same networks before and after the split of signs, by amplitude"
    return [
        Check(
            name="one orientation in one place, two opposite ones in another",
            predicted="1; 2",
            observed=f"{_range(early)}; {_range(late)}",
            tolerance="0",
            verdict=Verdict.CONFIRMED,
            why=why,
            source="Zhou et al. 2022, observations on sigmoid and softplus",
        ).undecided(None if set(early) == {1} and set(late) == {2} else why)
    ]


def _moved_counts(evidence: OffsetEvidence, index: int) -> list[list[int]]:
    """The counts when every neuron is turned by what is left out."""
    drawn = generator(evidence.experiment.seed, Stream.COUNT_SPREAD)
    a, w = evidence.expected.flow_a[index], evidence.expected.flow_w[index]
    size = np.full(a.shape[1], min(float(evidence.left_out[index]), NEGLECTED))
    return [
        _counts(
            a,
            np.array(
                [turned_by(unit(each), size, drawn) * np.linalg.norm(each, axis=1)[:, None] for each in w]
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
