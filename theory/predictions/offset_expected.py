"""What theory expects of networks with σ(0) ≠ 0 from given initial weights, and how long and wide they must be to split.

The offset system itself is followed, from the same weights to the same times: no closed form is needed, and none of its
assumptions.  What it leaves out, all Taylor terms beyond the first, is evaluated on its own states (theory.beyond.offset).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory.beyond.offset import left_out
from theory.flows.offset import offset_flow
from theory.flows.offset_split import SHARE, MeanFit, split_times
from theory.predictions.prediction import Expected
from theory.streams import Stream, generator

FLOW_ERROR = (
    1e-6  # of a step of the flow, relative; chosen because what the system leaves out is far above it
)
WIDTHS = (50, 100, 200, 400, 800)  # that are tried; chosen because the loading falls as about 1/m
# Of the growth rate, that the common mode may have used up at the split; chosen because above it networks do not split.
LOADING = 0.7
BEYOND = 1.2  # the end, in units of the time of the split; chosen so that the uncertainty of that time is within it
_LOOKED_FOR = (
    4  # networks that are followed to find the time of the split; chosen because their times are alike
)
# At which they are looked at, until twice the typical time; chosen because 2 % of it are well within what `BEYOND` adds.
_TIMES = 100
_NO_SPLIT = (
    10.0  # 1/γ that are followed where the neurons never share one sign; chosen as for a typical split
)


@dataclass(frozen=True, kw_only=True)
class OffsetExpected(Expected):
    """B networks that follow the offset system through the times `grid` (S,), the last of which are `times`.

    `flow_a` (S, B, m), `flow_w` (S, B, m, D) on the way; `direction` (D,) is where all neurons point before the split,
    `destinations` the side of it where each is at the end; `shares_left_out` (S,) is the share of the motion until each
    time that the system leaves out, in the worst network.
    """

    grid: np.ndarray
    flow_a: np.ndarray
    flow_w: np.ndarray
    direction: np.ndarray
    shares_left_out: np.ndarray

    @property
    def turned(self) -> np.ndarray:
        """The share (S, B) of neurons that point away from the common direction."""
        return np.mean(self.flow_w @ self.direction < 0, axis=-1)

    def splits(self, share: float = SHARE) -> np.ndarray:
        """The times (B,) at which that share of the neurons has turned round: `split_times`."""
        return split_times(self.grid, self.turned, share)

    @property
    def before_split(self) -> int:
        """The index of half the time at which the first neuron of all turns: the mean is fitted and none has turned."""
        first = self.splits(0.5 / self.flow_a.shape[-1])
        half = 0.5 * np.min(np.where(first > 0, first, np.inf), initial=self.grid[-1])
        return min(int(np.searchsorted(self.grid, half)), len(self.grid) - 1)


def expect(fit: MeanFit, a0: np.ndarray, w0: np.ndarray, *, times: np.ndarray) -> OffsetExpected:
    """B networks a0 (B, m), w0 (B, m, D) at the ascending gradient-flow times (S,), all above 0."""
    grid, direction = np.asarray(times, dtype=float), fit.direction
    flow_a, flow_w = offset_flow(fit.field, a0, w0, grid, tolerance=FLOW_ERROR)
    shares = left_out(fit, a0, w0, grid, flow_a, flow_w) + FLOW_ERROR
    networks, last = len(a0), float(shares[-1])
    return OffsetExpected(
        times=np.full(networks, grid[-1]),
        uncertainty=np.zeros(networks),
        a=flow_a[-1],
        w=flow_w[-1],
        destinations=np.sign(flow_w[-1] @ direction)[..., None] * direction,
        blow_up_times=np.full(a0.shape, np.inf),
        perturbation=np.zeros(networks),
        spread=np.full(a0.shape, last),
        left_out=np.full(networks, last),
        drift=np.full(a0.shape, last),
        grid=grid,
        flow_a=flow_a,
        flow_w=flow_w,
        direction=direction,
        shares_left_out=shares,
    )


def splitting_width(fit: MeanFit, scale: float, seed: int) -> int:
    """The least of `WIDTHS` at which neurons of standard deviation `scale` split before the common mode has fitted the
    data, the largest where none does."""
    for width in WIDTHS:
        drawn = generator(seed, Stream.OFFSET_WIDTH).standard_normal((width, fit.problem.dimension + 1))
        if fit.split(scale * drawn[:, 0], scale * drawn[:, 1:], share=SHARE).loading <= LOADING:
            return width
    return WIDTHS[-1]


def time_beyond_split(fit: MeanFit, width: int, scale: float, seed: int) -> float:
    """The gradient-flow time at which networks of this width and scale have split, and a little more; twice that of
    `typical_split`, and a little more, where they have not by then.

    Any draw of this size tells the time: it is not that of the networks that are followed later.
    """
    drawn = generator(seed, Stream.OFFSET_END).standard_normal(
        (_LOOKED_FOR, width, fit.problem.dimension + 1)
    )
    typical = fit.typical_split(width, scale) or _NO_SPLIT / fit.rate
    grid = np.linspace(0, 2 * typical, _TIMES)[1:]
    _, w = offset_flow(fit.field, scale * drawn[..., 0], scale * drawn[..., 1:], grid)
    times = split_times(grid, np.mean(w @ fit.direction < 0, axis=-1))
    return BEYOND * float(np.max(np.where(np.isfinite(times) & (times > 0), times, 2 * typical)))
