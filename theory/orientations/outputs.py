"""Theorem: the fixed orientations of a network with K outputs are the critical points of F(u) = Σ_k (T_k u^p)².

Setting.     a' = c T(u) r^p, w' = p c Σ_k a_k T_k w^{p-1} (theory.systems.outputs), w = r u, T(u) = (T_k u^p)_k in R^K.
Statement.   Let u be a unit vector with T(u) ≠ 0.
             1. If u is fixed along a flow whose a is moved by it (r ≠ 0), then u is a critical point of F on the sphere;
                and each critical point is fixed for a ∥ T(u), which then stays so: with a = α T(u)/‖T(u)‖,
                Σ_k a_k T_k u^{p-1} = (α/‖T(u)‖) ∇F(u)/(2p).
             2. It is growing, that is, it attracts an open set of neurons, which grow along it with c a·T(u) > 0, exactly
                if it is a strict local maximum of F (for isolated critical points); u and -u together.
             3. No other orientation collects an open set of growing neurons; T(u) = 0 are the minima F = 0.
Proof.       1. u' = p c r^{p-2} Π Σ_k a_k T_k u^{p-1}, Π the projection on the tangent space; a(t) = a0 + β(t) T(u) with
                β' = c r^p ≠ 0.  u' = 0 at all times needs Π Σ_k T_k(u) T_k u^{p-1} = 0, which is Π ∇F = 0.
             2. The flow is the gradient ascent of H(a, w) = c Σ_k a_k T_k w^p, homogeneous of degree p + 1, so growing rays
                are the strict local maxima of H > 0 on the sphere ‖a‖² + ‖w‖² = 1.  At a given w direction the maximum
                over a is unique, a ∥ c T(u), and H is then a constant times ‖T(u)‖ = √F once r² = p ‖a‖²: maximising
                over a first leaves F.
             3. The same, from local maxima of H to those of F.
Dying.       A neuron that dies keeps an a∞ of its own and aligns with a minimum of c Σ_k a∞_k T_k u^p: with K >= 2 these
             orientations depend on a∞ and form a continuum, so none is listed; strict minima of F are saddles.
p = 1.       F = uᵀ Mᵀ M u, M = mean(s xᵀ): the right singular vectors; the first pair attracts.  Equal first singular
             values: a continuum, which the search names.
Complete.    F has degree 2p; as many certified simple lines as a generic form of that degree has are all.  For K < D - 1,
             T(u) = 0 has a complex continuum, which no list holds (`complete` is False).  The others, with a = T(u), are
             the singular pairs of a tensor symmetric in p indices: zeros of a section of a globally generated bundle on
             P^{D-1} x P^{K-1} whose top Chern number is `singular_pairs`.  There every component counts at least 0 and an
             isolated point at least 1 (Fulton, Intersection Theory, 12.2), so as many certified simple lines as that
             number are all the isolated ones with T(u) ≠ 0; the notes say so.
Dependent.   F is the same for outputs turned among themselves, so only the rank R of (T_1, ..., T_K) counts above, not K;
             cross-entropy has R < K, as its signals add up to 0.  R = 1, T_k = λ_k T: only a·λ moves, and the flow is that
             of one output with a·λ/‖λ‖ for a: its fixed orientations, the dying ones isolated, c a·T(u) < 0.
Source.      condense; the number: Friedland, Ottaviani, Found. Comput. Math. 14 (2014) 1209-1242.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import comb, sqrt

import numpy as np
from flint import fmpq, fmpq_mat

from theory.errors import TheoryError
from theory.fields.outputs import output_tensors
from theory.forms.moment_tensor import MONOMIAL_LIMIT, MomentTensor
from theory.orientations import Continuum, Kind, Orientation, OrientationSet, find_orientations

_NO_VALUE = 1e-12  # of the largest F: far above rounding; only a note depends on it
PRODUCTS = 5_000_000  # exact products of coefficients, a few seconds


def singular_pairs(order: int, dimension: int, outputs: int) -> int:
    """The number of complex singular pairs (u, a), u in P^{D-1} and a in P^{K-1}, of a generic T symmetric in u^p.

    The coefficient of g^{D-1} h^{K-1} in (ĝ^D - g^D)/(ĝ - g) · (ĥ^K - h^K)/(ĥ - h), ĝ = (p-1) g + h, ĥ = p g.
    """
    total = 0
    # ĝ^i g^{D-1-i} has g^{D-1-j} h^j with comb(i, j) (p-1)^{i-j}; ĥ^j h^{K-1-j} = p^j g^j h^{K-1-j} completes it.
    for j in range(min(dimension, outputs)):
        power = sum(comb(i, j) * (order - 1) ** (i - j) for i in range(j, dimension))
        total += power * order**j
    return total


def squared_form(tensors: tuple[MomentTensor, ...]) -> MomentTensor:
    """F = Σ_k (T_k u^p)² as an exact form of degree 2p; cost Σ_k M²/2 exact products, M the monomials of T_k."""
    first = tensors[0]
    order, dimension = 2 * first.order, first.dimension
    support = [[m for m, c in enumerate(t.coefficients) if c] for t in tensors]
    products = sum(len(s) * (len(s) + 1) // 2 for s in support)
    if comb(dimension + order - 1, order) > MONOMIAL_LIMIT or products > PRODUCTS:
        raise TheoryError(
            f"K = {len(tensors)} outputs, p = {first.order}, D = {dimension}: the form Σ_k (T_k u^p)² of degree {order} is "
            f"too large to enumerate; accepted: at most {MONOMIAL_LIMIT} distinct entries and {PRODUCTS} products"
        )
    exponents = first.exponents
    total: dict[tuple[int, ...], fmpq] = {}
    for tensor, present in zip(tensors, support, strict=True):
        for i, m in enumerate(present):
            for n in present[i:]:
                key = tuple((exponents[m] + exponents[n]).tolist())
                value = tensor.coefficients[m] * tensor.coefficients[n] * (1 if m == n else 2)
                total[key] = total.get(key, fmpq(0)) + value
    if not total:
        return MomentTensor.from_coefficients(np.empty((0, dimension)), [], order, dimension)
    return MomentTensor.from_coefficients(list(total), list(total.values()), order, dimension)


def output_orientations(
    x: np.ndarray,
    signal: np.ndarray,
    order: int,
    *,
    bias: bool = True,
    max_paths: int = 20_000,
    seed: int = 0,
) -> OrientationSet:
    """The fixed orientations of a smooth network with K outputs, from x (n, D), bias column included, and s (n, K).

    `value` is ‖T(u)‖ = √F(u); an attractor's `neuron_sign` is 1, the sign of c a·T(u) of the neurons that it collects.
    `multiplicity` is p; `lines_expected` counts the complex lines of a generic form of degree 2p, for
    R < D - 1 those of them with T(u) ≠ 0, R the rank of the tensors.  K = 1 is left to
    `find_orientations`.  Raises TheoryError for forms too large to enumerate.  Cost: as `find_orientations` at 2p.
    """
    signal = np.asarray(signal)
    if signal.ndim != 2 or signal.shape[1] < 1:
        raise TheoryError(f"signal has shape {signal.shape}; accepted: (n, K)")
    tensors = output_tensors(x, signal, order)
    if len(tensors) == 1:
        return find_orientations(tensors[0], bias=bias, max_paths=max_paths, seed=seed)
    rank = _rank(tensors)
    if rank == 1:
        return _as_one(tensors, find_orientations(_first(tensors), bias=bias, max_paths=max_paths, seed=seed))
    found = find_orientations(squared_form(tensors), bias=bias, max_paths=max_paths, seed=seed)
    notes = [
        f"{len(tensors)} outputs: critical points of F = Σ_k (T_k u^{order})², a form of degree {2 * order}; value is √F, "
        "and the sign of an attractor is that of c a·T(u) of its neurons",
        "dying orientations depend on the output weights that a neuron keeps and are not isolated: none is listed",
        *found.notes,
    ]
    values = [abs(o.value) for o in found.orientations]  # of F
    if values and min(values) < _NO_VALUE * max(values):
        notes.append(
            "value 0: T(u) = 0, a minimum of F, where u is fixed only for output weights a with Σ_k a_k T_k u^"
            f"{order - 1} = 0"
        )
    expected, simple = found.lines_expected, found.lines_found
    if 0 < rank < found.dimension - 1:
        expected = singular_pairs(order, found.dimension, rank)
        if simple == expected:
            notes.append(
                f"{simple} certified simple lines are as many as there are singular pairs: no isolated orientation with "
                "T(u) ≠ 0 is missing"
            )
    listed = tuple(
        sorted((_as_output(o) for o in found.orientations), key=lambda o: list(Kind).index(o.kind))
    )
    return replace(
        found,
        multiplicity=order,
        bound_2p=2 * order,
        lines_expected=expected,
        notes=tuple(notes),
        orientations=listed,
        continua=tuple(
            replace(only_growing(c), value=None if c.value is None else sqrt(max(c.value, 0.0)))
            for c in found.continua
        ),
        stats={**found.stats, "outputs": len(tensors)},
    )


def only_growing(c: Continuum) -> Continuum:
    """A continuum of critical points of F in the space of (a, w), where nothing dies at an isolated a."""
    return c if c.kind in (Kind.ATTRACTOR, Kind.DEGENERATE) else replace(c, kind=Kind.SADDLE)


def _rank(tensors: tuple[MomentTensor, ...]) -> int:
    """The exact rank of the K tensors; cost: elimination of a K x M matrix of fractions."""
    entries = [c for t in tensors for c in t.coefficients]
    return fmpq_mat(len(tensors), len(entries) // len(tensors), entries).rank()


def _first(tensors: tuple[MomentTensor, ...]) -> MomentTensor:
    return next(t for t in tensors if not t.is_zero)


def _as_one(tensors: tuple[MomentTensor, ...], found: OrientationSet) -> OrientationSet:
    """The orientations of T for outputs T_k = λ_k T, T the first of them that is not 0."""
    first = _first(tensors)
    k = next(m for m, c in enumerate(first.coefficients) if c)
    ratios = [t.coefficients[k] / first.coefficients[k] for t in tensors]
    size = sqrt(sum(float(Fraction(int(r.p), int(r.q))) ** 2 for r in ratios))
    signs = {Kind.ATTRACTOR: 1, Kind.DYING: -1}
    listed = tuple(
        replace(o, value=size * abs(o.value), neuron_sign=signs.get(o.kind)) for o in found.orientations
    )
    notes = (
        f"{len(tensors)} outputs whose moments are multiples of one tensor: the flow is that of one output; value is "
        "‖T(u)‖, and the sign of an orientation is that of c a·T(u) of its neurons",
        *found.notes,
    )
    stats = {**found.stats, "outputs": len(tensors)}
    continua = tuple(
        replace(c, value=None if c.value is None else size * abs(c.value)) for c in found.continua
    )
    return replace(found, orientations=listed, notes=notes, stats=stats, continua=continua)


def _as_output(o: Orientation) -> Orientation:
    value = sqrt(max(o.value, 0.0))
    if o.kind is Kind.ATTRACTOR:
        return replace(o, value=value, neuron_sign=1)
    # A strict minimum of F > 0 attracts a ∥ T(u) but repels u.
    return replace(o, value=value, kind=Kind.SADDLE if o.kind is Kind.DYING else o.kind, neuron_sign=None)
