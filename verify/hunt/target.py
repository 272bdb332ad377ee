"""What a hunt for orientations aims at, and how its data stand in the `hunt` document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from theory import activation
from verify.errors import UsageError

MAX_PATHS = 2000  # homotopy paths above which a certificate takes too long to be asked for hundreds of times


@dataclass(frozen=True)
class Target:
    """What is hunted: `multiplicity` and `dimension` (D, bias counted; None: drawn anew each time), `bound` (None: 2p)."""

    multiplicity: int | None
    dimension: int | None
    bound: int | None = None
    activation: str | None = None
    drop: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.activation is not None:
            act = activation(self.activation)
            if not act.is_smooth or act.value_at_zero != 0:
                raise UsageError(
                    f"activation {self.activation!r}: the claim speaks of smooth activations with σ(0) = 0; accepted: "
                    "tanh, x*tanh(x), z**3, ..."
                )
            if self.multiplicity not in (None, act.multiplicity):
                raise UsageError(
                    f"multiplicity is {self.multiplicity} but {self.activation!r} has {act.multiplicity}; give one of them"
                )
            object.__setattr__(self, "multiplicity", act.multiplicity)
        for name in ("multiplicity", "dimension", "bound"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name} is {value}; accepted: a whole number of at least 1")

    def formula(self, order: int) -> str:
        """The activation as text: the one asked for, or the power, the simplest of its multiplicity."""
        if self.activation is not None:
            return self.activation
        return "z" if order == 1 else f"z**{order}"


def described(x: Sequence[Sequence[float]], y: Sequence[float], formula: str, order: int) -> dict[str, Any]:
    """Data in the `hunt` document; whole numbers as integers, the inputs without the bias."""
    return {
        "x": [[_whole(v) for v in row] for row in x],
        "y": [_whole(v) for v in y],
        "activation": formula,
        "bias": True,
        "multiplicity": order,
        "dimension": len(x[0]) + 1,
    }


def _whole(value: float) -> int | float:
    return int(value) if value == int(value) else float(value)
