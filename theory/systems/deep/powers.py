"""Counting powers of ε in a deep network: which terms of f each group of parameters feels, and in which order.

Every parameter is ε times itself, so a term of f is of order ε^n with n its total degree in the parameters.  f is
composed layer by layer from the Taylor orders that each σ_l has, as a set of terms: exponents of each group, and the
layers in which a term used more than the leading order.  Coefficients are treated as generic: no two ways to a term
cancel.  A term with w_1 to the power d depends on the data through x^{⊗d}; its mean with the signal is a contraction
of T_d, and vanishes where T_d does (T_0 = mean(s) = 0 for centred data).  The lowest order left that contains a group
is the group's leading potential; whatever is left out of its equation is an error of known order.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType

from theory.errors import TheoryError
from theory.systems.deep.architecture import Architecture

MAX_DEGREE = 120  # of the terms looked at; three layers of multiplicity 4 have leading terms of degree 85
FEEDBACK = "feedback of the output on the signal"

Term = tuple[int, ...]  # an exponent for each group, and last the layers beyond their leading order as bits


class Kept(StrEnum):
    """What the leading system keeps; the value says it in words."""

    STRICT = "each group climbs its own leading potential"
    JOINT = "all groups climb one potential, the sum of the leading ones"


@dataclass(frozen=True)
class GroupPowers:
    """One group of parameters: its gradient is O(ε^`degree`) and comes from the potentials of orders `kept`.

    `moments` are the d of the moment tensors T_d in its leading gradient.  `gaps` are the relative orders of what its
    equation leaves out, by origin.  `lag` is how much slower it is than the fastest group: at t = τ ε^κ it has moved
    by ε^`lag` of its size, with a relative error O(ε^`accuracy`) of that displacement.  `needs` are the groups that
    its leading equation contains.
    """

    name: str
    degree: int
    kept: tuple[int, ...]
    moments: tuple[int, ...]
    gaps: Mapping[str, int]
    lag: int
    accuracy: int
    needs: frozenset[str]

    @property
    def gap(self) -> int:
        """The relative order of accuracy of the leading gradient itself."""
        return min(self.gaps.values())


@dataclass(frozen=True)
class PowerCount:
    """All groups, the time exponent κ in t = τ ε^κ, and the order k of the whole with its competing terms."""

    architecture: Architecture
    keeping: Kept
    vanishing: frozenset[int]
    groups: Mapping[str, GroupPowers]
    order: int
    order_terms: Mapping[str, int]

    @cached_property
    def time_exponent(self) -> int:
        """κ = 1 - d for the fastest group's gradient order d."""
        return 1 - min(g.degree for g in self.groups.values())

    @cached_property
    def potentials(self) -> tuple[int, ...]:
        """The orders of the leading potentials."""
        return tuple(sorted({g.degree + 1 for g in self.groups.values()}))


def terms_of(architecture: Architecture, top: int) -> frozenset[Term]:
    """The terms of f up to degree `top`."""
    names = architecture.groups
    one: Term = (0,) * (len(names) + 1)

    def single(name: str) -> frozenset[Term]:
        place = names.index(name)
        return frozenset([(*one[:place], 1, *one[place + 1 :])])

    def times(left: frozenset[Term], right: frozenset[Term], limit: int) -> frozenset[Term]:
        return frozenset(
            (*(i + j for i, j in zip(s[:-1], t[:-1], strict=True)), s[-1] | t[-1])
            for s in left
            for t in right
            if _degree(s) + _degree(t) <= limit
        )

    hidden: frozenset[Term] = frozenset([one])
    for layer, sigma in enumerate(architecture.layers, start=1):
        z = times(single(f"w{layer}"), hidden, top - 1)
        if architecture.hidden_bias and layer > 1:
            z |= single(f"b{layer}")
        if not z:
            return frozenset()
        out = set(hidden) if architecture.residual and layer > 1 else set()
        power = frozenset([one])
        for k, coefficient in enumerate(architecture.taylor(layer, top // min(map(_degree, z)))):
            if k == 0:
                continue
            power = times(power, z, top - 1)
            if coefficient != 0:
                beyond = 0 if k == sigma.multiplicity else 1 << layer
                out |= {(*t[:-1], t[-1] | beyond) for t in power}
        hidden = frozenset(out)
    return times(single("a"), hidden, top)


def power_count(
    architecture: Architecture,
    *,
    keeping: Kept = Kept.STRICT,
    vanishing_moments: Collection[int] = (),
    curvature_vanishes: bool = False,
) -> PowerCount:
    """Count powers: the leading gradient of every group, and the order of accuracy of the leading system.

    `vanishing_moments` are the d with T_d = 0 (0: the mean signal).  `curvature_vanishes`: ∂²ℓ/∂f² = 0, no feedback.
    Raises TheoryError where the output couples the network at leading order, or nothing is left out at all.
    """
    vanishing = frozenset(vanishing_moments)
    top = 4
    while top <= MAX_DEGREE:
        terms = terms_of(architecture, top)
        found = _leading(architecture, terms, vanishing)
        if found is None:
            top += max(2, top // 3)
            continue
        if curvature_vanishes:
            # Without feedback only the next terms bound the error: look on until each group has one, or there is none.
            behind = {
                name: any(t[i] and _degree(t) > found[name] for t in terms)
                for i, name in enumerate(architecture.groups)
            }
            if all(behind.values()) or top == MAX_DEGREE:
                return _count(architecture, terms, found, keeping, vanishing, curvature_vanishes)
            top = min(MAX_DEGREE, top + max(2, top // 3))
            continue
        enough = _reach(architecture, terms, found)
        if enough <= top:
            return _count(architecture, terms, found, keeping, vanishing, curvature_vanishes)
        top = enough
    raise TheoryError(
        f"no leading term of degree up to {MAX_DEGREE} moves every group of {_text(architecture)} "
        f"(vanishing moments: {sorted(vanishing) or 'none'}); accepted: lower multiplicities or other data"
    )


def _text(architecture: Architecture) -> str:
    return ", ".join(s.text for s in architecture.layers) + f" with {architecture.kind}"


def _degree(term: Term) -> int:
    return sum(term[:-1])


def _leading(
    architecture: Architecture, terms: frozenset[Term], vanishing: frozenset[int]
) -> dict[str, int] | None:
    """The order of each group's leading potential, None while some group has none."""
    data = architecture.groups.index("w1")
    alive = [t for t in terms if t[data] not in vanishing]
    out = {}
    for i, name in enumerate(architecture.groups):
        orders = [_degree(t) for t in alive if t[i]]
        if not orders:
            return None
        out[name] = min(orders)
    return out


def _reach(architecture: Architecture, terms: frozenset[Term], found: dict[str, int]) -> int:
    """Up to where the terms must be known: there the feedback of the output is the larger error of every group."""
    output = min(_degree(t) for t in terms)
    felt = (min(_degree(t) for t in terms if t[i]) for i in range(len(architecture.groups)))
    return max(*found.values(), output + max(felt))


def _count(
    architecture: Architecture,
    terms: frozenset[Term],
    found: dict[str, int],
    keeping: Kept,
    vanishing: frozenset[int],
    curvature_vanishes: bool,
) -> PowerCount:
    names = architecture.groups
    data = names.index("w1")
    alive = [t for t in terms if t[data] not in vanishing]
    fastest = min(found.values())
    output = min(_degree(t) for t in terms)
    orders = frozenset(found.values())
    groups: dict[str, GroupPowers] = {}
    for i, name in enumerate(names):
        mine = [t for t in alive if t[i]]
        first = found[name]
        kept = {first} if keeping is Kept.STRICT else orders & {_degree(t) for t in mine}
        gaps: dict[str, int] = {}
        for term in mine:
            if _degree(term) not in kept:
                _note(gaps, _origin(architecture, term), _degree(term) - first)
        if not curvature_vanishes:
            gaps[FEEDBACK] = output + min(_degree(t) for t in terms if t[i]) - first
        _check(architecture, name, gaps, vanishing)
        equation = [t for t in mine if _degree(t) in kept]
        groups[name] = GroupPowers(
            name=name,
            degree=first - 1,
            kept=tuple(sorted(kept)),
            moments=tuple(sorted({t[data] for t in mine if _degree(t) == first})),
            gaps=MappingProxyType(gaps),
            lag=first - fastest,
            accuracy=min(gaps.values()),
            needs=frozenset(
                other for j, other in enumerate(names) if any(t[j] > (other == name) for t in equation)
            ),
        )
    return _with_errors_carried(PowerCount(architecture, keeping, vanishing, groups, 0, {}))


def _check(architecture: Architecture, name: str, gaps: Mapping[str, int], vanishing: frozenset[int]) -> None:
    if not gaps:
        raise TheoryError(
            f"{_text(architecture)} with a loss linear in f: the leading gradient of {name} is exact, there is no order "
            "of error"
        )
    for origin, gap in gaps.items():
        if gap <= 0:
            raise TheoryError(
                f"{_text(architecture)}: {origin} is as large as the leading gradient of {name} (vanishing moments: "
                f"{sorted(vanishing) or 'none'}): it couples the network at leading order and this theorem does not "
                "apply; accepted: data whose moments of lower order do not vanish"
            )


def _with_errors_carried(powers: PowerCount) -> PowerCount:
    """Errors of the rates become errors of the flow: a displacement is as wrong as its rate and what its rate needs."""
    groups = powers.groups
    order_terms: dict[str, int] = {}
    for group in groups.values():
        for origin, gap in group.gaps.items():
            _note(order_terms, origin, gap + group.lag)
    errors, before = {name: group.gap + group.lag for name, group in groups.items()}, None
    while errors != before:
        before = errors
        errors = {
            name: group.lag + min([group.gap, *(before[other] for other in group.needs)])
            for name, group in groups.items()
        }
    carried = {name: replace(group, accuracy=errors[name] - group.lag) for name, group in groups.items()}
    return replace(
        powers, groups=MappingProxyType(carried), order=min(errors.values()), order_terms=order_terms
    )


def _note(terms: dict[str, int], origin: str, exponent: int) -> None:
    terms[origin] = min(exponent, terms.get(origin, exponent))


def _origin(architecture: Architecture, term: Term) -> str:
    beyond = [layer for layer in range(1, architecture.depth + 1) if term[-1] >> layer & 1]
    if beyond:
        return "next Taylor term of " + ", ".join(f"σ{layer}" for layer in beyond)
    return "further term of the leading powers"
