"""Evidence on the smooth leading-order flow."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from numerics.training.runs import Trained
from theory import Destinations, Expected, Neurons, SmoothPrediction
from theory.beyond.displacement import Displaced
from theory.forms.vectors import unit
from verify.order import OrderResult
from verify.regimes.common.confusion import Confusion
from verify.regimes.common.evidence import Evidence

# The largest step that is extrapolated from; derived from the expansion of log(1 + s), of radius 1: with steps of at most
# half of it each term of what 2h, h and h/2 leave is less than half of the one before.
LARGEST_STRIDE = 0.25


@dataclass(frozen=True)
class TwoFlows:
    """Every neuron followed to its end by both rooms: theory's autonomous flow (`ours`), numerics' Cartesian one.

    `theirs` are unit vectors (N, D), `fates` (N,) in theory's terms; `decided` (N,) says for which neurons both came to an
    end that the errors of their steps cannot have changed.
    """

    ours: Destinations
    theirs: np.ndarray
    fates: np.ndarray
    decided: np.ndarray


@dataclass(frozen=True)
class Conserved:
    """The largest relative drift of the invariant along numerics' leading flow, its local error and its steps."""

    drift: float
    local_error: float
    steps: int
    attempts: int


@dataclass(frozen=True, kw_only=True)
class SmoothEvidence(Evidence):
    """Evidence on the smooth leading-order flow, σ(0) = 0.

    `coarser` are the networks trained with steps 2h; `rate` is that at which the largest neurons grow at the end of the
    initial stage, `stride` h in units of the time in which they grow by e there.
    `scales` are further trainings from other scales beside what is expected of them; `destinations` is the confusion table
    of the trained neurons; `flows` both leading flows to the end, for orders above 1; `followed` theory's neurons at the
    times at which training stopped, one entry a network, and `displaced` how far the forces beyond leading order have
    carried those that still follow (`following`) by then, or why that is not known, for orders above 1; `accuracy` the
    measured order of accuracy and `competing` the sizes of the terms that compete for it.
    """

    prediction: SmoothPrediction
    coarser: Trained
    stride: float
    rate: float
    scales: tuple[tuple[Trained, Expected], ...]
    destinations: Confusion
    flows: TwoFlows | None
    followed: tuple[Neurons, ...]
    displaced: Displaced | str | None
    conserved: Conserved
    accuracy: OrderResult
    competing: dict[int, float]

    def expectations(self, b: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """At first order beyond the leading one, and with all orders where these are known."""
        found = super().expectations(b)
        if isinstance(self.displaced, Displaced):
            a, w = self.displaced.a[b], self.displaced.w[b]
            found.append((unit(w), np.abs(a) * np.linalg.norm(w, axis=-1) ** self.driving_order))
        return found

    def coarser_limit(self) -> Trained:
        """The training extrapolated from steps 2h and h.

        What depends on the step as e₁ h + e₂ h² + ... is left with -e₂ h²/2 by `limit` and with -2 e₂ h² by this one: the
        difference of the two is three times what `limit` is left with, up to the share of e₃ h in e₂.
        """
        return replace(self, trained=self.coarser, refined=self.trained).limit()

    @property
    def crossing(self) -> float:
        """How far interpolating the fall of the loss within a step may carry the neurons, relative to their size.

        Neurons grow by e^s in a step s, and are interpolated linearly: wrong by s²/8 at most, wherever in the step the
        crossing is.  It is no series in h: of 2 θ(h/2) - θ(h) it leaves s²/8 + 2 (s/2)²/8.
        """
        return 3 / 16 * self.stride**2

    @property
    def steps_hide(self) -> str | None:
        """Why the step size leaves nothing to be compared, with the learning rate that would; None where it does not."""
        if self.stride <= LARGEST_STRIDE:
            return None
        if self.experiment.lr is None:
            remedy = f"a smaller step than {self.experiment.step:g}"
        else:
            remedy = f"--lr {self.experiment.lr * 0.5 * LARGEST_STRIDE / self.stride:.1g} or none"
        return (
            f"the learning rate hides it: a step is {self.stride:.2g} of the time in which the neurons grow by e, above "
            f"{LARGEST_STRIDE:g}, and does not follow the flow; {remedy} would decide"
        )

    @property
    def passing(self) -> np.ndarray:
        """By how many radians (B, m) neurons turn in the time by which that of the fall of the loss is uncertain.

        Each training is looked at when its own loss has fallen.  The limits of two step sizes differ by what the steps
        leave of the neurons *and* by how far these go in the time between the two falls, which may cancel: so it counts
        apart, with what interpolating the fall leaves (`crossing`).
        """
        each = []
        for at in self.followed:
            turning = self.prediction.force(at.a, at.w)[1]
            turning = turning - np.sum(turning * at.u, axis=-1, keepdims=True) * at.u
            each.append(np.linalg.norm(turning, axis=-1) / at.r)
        apart = np.abs(self.limit().times - self.coarser_limit().times) + self.crossing / self.rate
        return np.array(each) * apart[:, None]

    @property
    def following(self) -> np.ndarray:
        """The neurons (B, m) that the leading order has not blown up when training stops, nor is about to."""
        if self.driving_order == 1:
            return np.ones(self.expected.blow_up_times.shape, dtype=bool)
        return following(self.followed, self.expected, self.limit().times)

    @property
    def growing(self) -> np.ndarray:
        """The neurons (B, m) that grow."""
        return np.linalg.norm(self.expected.destinations, axis=-1) > 0


def following(followed: tuple[Neurons, ...], expected: Expected, times: np.ndarray) -> np.ndarray:
    """The neurons (B, m) that have not blown up at the times (B,), and will not in a tenth of them."""
    blown_up = np.array([each.blown_up for each in followed])
    return ~blown_up & (expected.blow_up_times > 1.1 * times[:, None])
