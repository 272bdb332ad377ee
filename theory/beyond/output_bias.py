"""Networks with an output bias followed in time, and beside them what their leading system leaves out.

Setting.     θ = (b, a, w), θ' = L(θ) + F(θ), L the leading system (theory.systems.output_bias), F the rest of theory's
             own Taylor series: the further terms of σ, in the output as well as in the slopes.
Statement.   θ = y + δ with y' = L(y) and δ' = L(y + δ) - L(y) + F(y + δ), δ(0) = 0: exact, but for the
             Taylor terms above p + 8.
Numbers.     y and δ side by side, each network with steps of its own, in units of its start: `STEP_ERROR` of a step.  The
             fit of the mean is stiff against the growth for p ≥ 2: some κ t/3 steps.  F has no leading term in it: a
             wrong L displaces nothing by itself.
Source.      condense.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from theory.beyond.displacement import polynomial
from theory.errors import TheoryError
from theory.fields.output_bias import OutputBiasField, Weights
from theory.flows.driver import follow
from theory.forms.taylor import FURTHER
from theory.losses.signal import value_function
from theory.problem import Problem

STEP_ERROR = (
    1e-8  # of a step, of the start or of a larger component; chosen because what is left out is far above it
)
MOST_STEPS = 20_000  # chosen because a minute or two is then used up; a thousand are usual
_FIRST_MOVE = 1e-2  # of the largest start, in the first step: chosen because the controller finds its own size from there
_MEETINGS = 12  # of Newton's iteration to the fall; chosen because it converges in four or five
_NEAR = 1e-3  # of the fall, relative; chosen because it moves the time by less than training tells apart
_MET = 1e-9  # of the fall, relative; chosen because steps are known to `STEP_ERROR`


@dataclass(frozen=True)
class Rest:
    """F: the forces of all Taylor terms up to p + 8 less those of the first, on b (B,), a (B, m), w (B, m, D)."""

    problem: Problem
    field: OutputBiasField

    def __call__(self, b: np.ndarray, a: np.ndarray, w: np.ndarray) -> Weights:
        x, y, p = self.field.x, self.field.y, self.problem.activation.multiplicity
        taylor = [float(c) for c in self.problem.activation.taylor(p + FURTHER)]
        first, higher = (
            [c if (k == p) is leads and k else 0.0 for k, c in enumerate(taylor)] for leads in (True, False)
        )
        z, n = w @ x.T, len(x)
        value, slope = polynomial(first, z)
        more, steeper = polynomial(higher, z)
        output = b[..., None] + np.einsum("...j,...jn->...n", a, value)
        further = np.einsum("...j,...jn->...n", a, more)
        targets = np.broadcast_to(y, output.shape)
        whole = self.field.signal(output + further, targets)
        changed = whole - self.field.signal(output, targets)
        on_a = np.einsum("...jn,...n->...j", more, whole) + np.einsum("...jn,...n->...j", value, changed)
        back = steeper * whole[..., None, :] + slope * changed[..., None, :]
        return changed.mean(axis=-1), on_a / n, a[..., None] * (back @ x) / n


@dataclass(frozen=True)
class Followed:
    """B networks at the times (B,): b (B,), a (B, m), w (B, m, D) of the leading system, and the same with all forces,
    these at their own fall where a fall was looked for.

    `late` (B,) is the gradient-flow time from the fall of the leading system's risk to that of all forces', where a fall
    was looked for, else 0.  `before` are rows from which a `Pursuit` of the same networks may go on.
    """

    times: np.ndarray
    b: np.ndarray
    a: np.ndarray
    w: np.ndarray
    whole_b: np.ndarray
    whole_a: np.ndarray
    whole_w: np.ndarray
    late: np.ndarray
    before: np.ndarray

    @property
    def left_out(self) -> np.ndarray:
        """The size of what the leading system leaves out of the neurons, relative to theirs."""
        return self._relative(self.whole_a - self.a, self.whole_w - self.w)

    def _relative(self, a: np.ndarray, w: np.ndarray) -> np.ndarray:
        def size(a: np.ndarray, w: np.ndarray) -> np.ndarray:
            return np.sqrt(np.sum(a**2, axis=-1) + np.sum(w**2, axis=(-2, -1)))

        return size(a, w) / size(self.a, self.w)


@dataclass(frozen=True, eq=False)
class Pursuit:
    """B networks from b0 (B,), a0 (B, m), w0 (B, m, D) on: `at` given times, or `until` their risk has fallen.

    `field` is the leading system: another one is a wrong theory.  The risk that falls is that at the best constant,
    `fitted_risk`.
    """

    problem: Problem
    field: OutputBiasField
    fitted_risk: float
    fraction: float
    b0: np.ndarray
    a0: np.ndarray
    w0: np.ndarray

    @property
    def _unit(self) -> float:
        unit = max(float(np.max(np.abs(part))) for part in (self.a0, self.w0))
        if not unit > 0:
            raise TheoryError("all weights are 0: the flow needs a start with some weight that is not")
        return unit

    @property
    def _start(self) -> np.ndarray:
        """States of rows: b, a, w of y; the same of δ; the time."""
        networks = len(self.a0)
        y = np.concatenate([self.b0[:, None], self.a0, self.w0.reshape(networks, -1)], axis=1) / self._unit
        return np.concatenate([y, np.zeros_like(y), np.zeros((networks, 1))], axis=1)

    def _parts(self, rows: np.ndarray) -> tuple[Weights, Weights]:
        """Rows as (b, a, w) of y and of y + δ, in parameters."""
        size = (rows.shape[1] - 1) // 2
        y = self._unit * rows[:, :size]
        return self._weights(y), self._weights(y + self._unit * rows[:, size:-1])

    def _weights(self, flat: np.ndarray) -> Weights:
        m, dimension = self.w0.shape[1:]
        return flat[:, 0], flat[:, 1 : m + 1], flat[:, m + 1 :].reshape(-1, m, dimension)

    def _slope(self, rows: np.ndarray, _: np.ndarray) -> np.ndarray:
        flow, whole = self._parts(rows)
        led, leads = _flat(self.field(*flow)), _flat(self.field(*whole))
        rest = _flat(Rest(self.problem, self.field)(*whole))
        ones = np.ones((len(rows), 1))
        return np.concatenate([led / self._unit, (leads - led + rest) / self._unit, ones], axis=1)

    def _followed(
        self, start: np.ndarray, times: np.ndarray | None, keep: np.ndarray | None = None
    ) -> np.ndarray:
        """Rows (S, B, ...) at ascending times (S, B) from rows that are not later; or with `keep` rows (B, ...) when the
        risk has fallen, and then `keep` holds the last rows before."""
        first = _FIRST_MOVE / np.maximum(np.max(np.abs(self._slope(start, start)[:, :-1]), axis=1), 1e-300)

        def fallen(rows: np.ndarray, members: np.ndarray) -> np.ndarray:
            assert keep is not None
            done = self._fall(self._parts(rows)[0]) >= 1
            keep[members[~done]] = rows[~done]
            return done.astype(int)

        run = follow(
            self._slope,
            start,
            first,
            tolerance=STEP_ERROR,
            max_steps=MOST_STEPS,
            times=None if times is None else np.maximum(times - start[:, -1], 0.0),
            retire=None if keep is None else fallen,
            smallest=1e-300,
        )
        if run.running.any() or (run.reasons < 0).any():
            what = "the wanted fall of the loss" if times is None else f"the time {float(np.max(times)):.3g}"
            raise TheoryError(
                f"the leading system with an output bias did not come to {what} in {MOST_STEPS} steps, most of them for "
                "the bias, which is fast beside the neurons; accepted: a larger --init-std"
            )
        return run.last if times is None else run.states

    def _fall(self, weights: Weights) -> np.ndarray:
        """The fall of the risk below that at the best constant, (B,), in units of the wanted one."""
        value, f = value_function(self.problem.loss), self.field.output(*weights)
        risk = value(f, np.broadcast_to(self.field.y, f.shape)).mean(axis=-1)
        return (self.fitted_risk - risk) / (self.fitted_risk * self.fraction)

    def at(self, times: np.ndarray, before: np.ndarray | None = None) -> Followed:
        """The networks at gradient-flow times (B,); from the states `before` of an earlier pursuit of theirs where those
        are not later."""
        start, times = self._start, np.asarray(times, dtype=float)
        if before is not None:
            start = np.where((before[:, -1] <= times)[:, None], before, start)
        return self._found(self._followed(start, times[None])[0], np.zeros(len(self.b0)), start)

    def along(self, times: np.ndarray) -> np.ndarray:
        """w (S, m, D) of the leading system of the first network at ascending times (S,)."""
        rows = self._followed(self._start[:1], np.asarray(times, dtype=float)[:, None])[:, 0]
        return self._parts(rows)[0][2]

    def until(self) -> Followed:
        """The networks when the leading system's risk has fallen by `fraction` of that at the best constant."""
        before = self._start
        if np.any(self._fall(self._parts(before)[0]) >= 1):
            raise TheoryError(
                f"at the start the loss is already {100 * self.fraction:g} % below that of the best constant; accepted: a "
                "larger --fraction, or a smaller --init-std"
            )
        self._followed(self._start, None, before)
        rows = before.copy()
        for _ in range(_MEETINGS):
            fall = self._fall(self._parts(rows)[0])
            if np.all(np.abs(fall - 1) < _MET):
                break
            rate = self._rate(self._parts(rows)[0], self.field(*self._parts(rows)[0]))
            # The fall grows exponentially or faster: its logarithm is the straighter, once it has begun.
            step = np.where(fall > _MET, -np.log(np.maximum(fall, _MET)) * fall, 1 - fall) / rate
            rows = self._followed(before, np.maximum(rows[:, -1] + step, before[:, -1])[None])[0]
        if np.any(np.abs(self._fall(self._parts(rows)[0]) - 1) > _NEAR):
            raise TheoryError(
                f"the time at which the loss has fallen by {100 * self.fraction:g} % below the best constant was not met "
                f"in {_MEETINGS} steps of Newton's iteration; accepted: another --fraction"
            )
        flow, whole = self._parts(rows)
        leads, rest = self.field(*whole), Rest(self.problem, self.field)(*whole)
        both = tuple(lead + more for lead, more in zip(leads, rest, strict=True))
        # All forces' output has the further Taylor terms in it: its risk is that of the whole series.
        late = (1 - self._whole_fall(whole)) / self._rate(whole, both)
        found = self._found(rows, late, before)
        # Near a blow-up a shift of the time is far from small: all forces are taken to their own fall, at first order.
        own = (part + (late * rate.T).T for part, rate in zip(whole, both, strict=True))
        return replace(found, **dict(zip(("whole_b", "whole_a", "whole_w"), own, strict=True)))

    def _rate(self, weights: Weights, force: tuple[np.ndarray, ...]) -> np.ndarray:
        """How fast the fall grows under gradient flow, by ‖force‖², in units of the wanted fall."""
        square = np.stack([np.sum(part.reshape(len(part), -1) ** 2, axis=1) for part in force]).sum(axis=0)
        return square / (self.fitted_risk * self.fraction)

    def _whole_fall(self, weights: Weights) -> np.ndarray:
        b, a, w = weights
        taylor = [
            float(c) for c in self.problem.activation.taylor(self.problem.activation.multiplicity + FURTHER)
        ]
        value = polynomial([0.0, *taylor[1:]], w @ self.field.x.T)[0]
        f = b[:, None] + np.einsum("bj,bjn->bn", a, value)
        risk = value_function(self.problem.loss)(f, np.broadcast_to(self.field.y, f.shape)).mean(axis=-1)
        return (self.fitted_risk - risk) / (self.fitted_risk * self.fraction)

    def _found(self, rows: np.ndarray, late: np.ndarray, before: np.ndarray) -> Followed:
        flow, whole = self._parts(rows)
        return Followed(rows[:, -1], *flow, *whole, late, before)


def _flat(weights: Weights) -> np.ndarray:
    b, a, w = weights
    return np.concatenate([b[:, None], a, w.reshape(len(w), -1)], axis=1)
