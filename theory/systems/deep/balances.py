"""The quadratic forms that the leading flow of a deep network conserves, from the symmetries of its potentials.

Scale the weights into one neuron and those out of it by factors under which every term of the potential that moves
them stays the same.  Under gradient ascent such a scaling, θ_g → e^{α_g λ} θ_g, makes Σ α_g ‖θ_g‖² constant: its
rate is 2 dH/dλ = 0.  The α are the null space of the terms' exponents.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy

from theory.systems.deep.architecture import Architecture, Weights
from theory.systems.deep.powers import Kept, PowerCount, Term, terms_of


@dataclass(frozen=True)
class Balance:
    """Σ_g α_g ‖θ_g‖² for each neuron of a layer: `weights` maps groups to α_g, `layer` is the neuron's."""

    layer: int
    weights: tuple[tuple[str, int], ...]

    @property
    def name(self) -> str:
        """As in formulas: K1: |w1|^2 - 2 |w2|^2."""
        text = ""
        for group, alpha in self.weights:
            size = "" if abs(alpha) == 1 else f"{abs(alpha)} "
            text += (" - " if alpha < 0 else " + ") + f"{size}|{group}|^2"
        return f"K{self.layer}: " + text.removeprefix(" + ")

    def value(self, groups: Weights) -> np.ndarray:
        """One number a neuron, (m_layer,): rows of the weights into it, columns of those out of it."""
        total: np.ndarray | float = 0.0
        for group, alpha in self.weights:
            array = groups[group]
            if group[0] == "b":
                square = array**2
            else:
                square = np.sum(array**2, axis=1 if group == f"w{self.layer}" else 0)
            total = total + alpha * square
        return np.asarray(total)


def balances(powers: PowerCount) -> tuple[Balance, ...]:
    """All balances of the leading system, layer by layer."""
    architecture = powers.architecture
    names = architecture.groups
    terms = terms_of(architecture, max(powers.potentials))
    data = names.index("w1")
    out = []
    for layer in range(1, architecture.depth + 1):
        around = _around(architecture, layer)
        moved: dict[tuple[int, ...], list[str]] = {}
        for group in around:
            kept = powers.potentials if powers.keeping is Kept.JOINT else powers.groups[group].kept
            moved.setdefault(kept, []).append(group)
        for orders, members in moved.items():
            alive = [t for t in terms if sum(t[:-1]) in orders and t[data] not in powers.vanishing]
            members = [g for g in members if not _doubly_used(architecture, alive, layer, g)]
            rows = {tuple(t[names.index(g)] for g in members) for t in alive}
            for vector in sympy.Matrix(sorted(rows)).nullspace() if members else ():
                scaled = vector * sympy.ilcm(*(sympy.fraction(v)[1] for v in vector))
                out.append(_balance(layer, members, [int(v) for v in scaled]))
    return tuple(out)


def _around(architecture: Architecture, layer: int) -> list[str]:
    """The groups that lead into a neuron of this layer and out of it, those that a skip reaches included."""
    reached = range(layer + 1, architecture.depth + 1)
    out = [f"w{k}" for k in (reached if architecture.residual else reached[:1])]
    if architecture.residual or not reached:
        out.append("a")
    return [g for g in (f"w{layer}", f"b{layer}", *out) if g in architecture.groups]


def _doubly_used(architecture: Architecture, terms: list[Term], layer: int, group: str) -> bool:
    """Whether weights reached by a skip also lead out of a later layer that the terms use: not the neuron's own then."""
    target = architecture.depth + 1 if group == "a" else int(group[1:])
    if group[0] == "b" or target <= layer + 1:
        return False
    between = {f"{kind}{k}" for kind in "wb" for k in range(layer + 1, target)} & set(architecture.groups)
    return any(t[architecture.groups.index(g)] for t in terms for g in between)


def _balance(layer: int, members: list[str], alpha: list[int]) -> Balance:
    pairs = [(g, v) for g, v in zip(members, alpha, strict=True) if v]
    sign = 1 if pairs[0][1] > 0 else -1
    return Balance(layer, tuple((g, sign * v) for g, v in pairs))
