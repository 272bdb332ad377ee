"""Orientations that are proved for the numbers of the data as they stand, but not within the rounding these carry.

Setting.     T is known up to E, |E_α| <= B_α, the rounding of the data (theory.orientations.result); B is 0 for exact data.
Statement.   To first order in E, at a fixed u with M = V Λ Vᵀ on the tangent space, A = |Λ|^{-1/2} Vᵀ:
               P(u) changes by at most B|u|^p, so that P within that is not told from 0;
               M by at most R = (p-1) B|u|^{p-2} + B|u|^p I, entry by entry, and keeps its signature and the line its place
               where ‖|A| R |A|ᵀ‖ < 1, for then |Λ|^{1/2} (± I + A δM Aᵀ) |Λ|^{1/2} is regular all the way.
             Elsewhere the line is degenerate, in as many directions as have a diagonal entry of that matrix of at least 1:
             the data do not tell it from a continuum, or from one of several lines that come together.
Sign descent.  The maximum keeps its place on the cube where no slope (T v^{p-1})_k off S is within (B|v|^{p-1})_k.
Source:      condense.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from theory.forms.moment_tensor import MomentTensor
from theory.forms.stability import Kind
from theory.orientations.result import Continuum, Method, Orientation, OrientationSet
from theory.orientations.tensor.search import projected

_SAME = 1e-9  # of the largest |P|: lines taken for one continuum


@dataclass(frozen=True)
class _Doubt:
    """What rounding leaves open at one orientation: P against 0, the number of directions, what the others say."""

    level: float
    value: bool
    directions: int
    whole: Kind


def undetermined(tensor: MomentTensor, found: OrientationSet) -> OrientationSet:
    """Return the orientations with those degenerate that the rounding of the data does not determine, and notes on them."""
    return _marked(tensor, found, _doubts)


def undetermined_on_cube(tensor: MomentTensor, found: OrientationSet) -> OrientationSet:
    """The same for sign descent."""
    return _marked(tensor, found, _cube_doubts)


def _marked(
    tensor: MomentTensor, found: OrientationSet, doubts_of: Callable[..., list[_Doubt]]
) -> OrientationSet:
    level = tensor.rounding
    firm = [k for k, o in enumerate(found.orientations) if o.certified and o.kind is not Kind.DEGENERATE]
    if level is None or not firm:
        return found
    u = np.array([found.orientations[k].u for k in firm])
    value = np.array([found.orientations[k].value for k in firm])
    listed = list(found.orientations)
    lines: dict[tuple[float, ...], list[tuple[Orientation, _Doubt]]] = {}
    notes: list[str] = []
    for k, doubt in zip(firm, doubts_of(tensor, level, u, value), strict=True):
        o = listed[k]
        if not (doubt.value or doubt.directions):
            continue
        listed[k] = replace(o, kind=Kind.DEGENERATE, neuron_sign=None)
        if doubt.directions:
            listed[k] = replace(listed[k], certified=False, radius=2.0)
        if next(x for x in o.u if x) < 0:
            continue  # its antipode is noted
        where = f"P = {o.value:.3g} at ({', '.join(f'{x:.4g}' for x in o.u[:6])}{', ...' if len(o.u) > 6 else ''})"
        if doubt.directions:
            lines.setdefault((doubt.directions,), []).append((o, doubt))
            what = "slopes" if found.method is Method.CUBE else "eigenvalues of M"
            notes.append(
                f"{where}: {what} within the rounding of the data: {doubt.directions}; the data do not tell the line from "
                "a continuum of them"
            )
        else:
            notes.append(
                f"{where} is within the rounding of the data, {doubt.level:.1e}: whether it is 0 is not known, and no "
                "neuron is said to grow there"
            )
    if len(notes) > _SHOWN:
        notes = [*notes[:_SHOWN], f"{len(notes)} lines in all are within the rounding of the data"]
    continua = [c for group in lines.values() for c in _continua(group, found.multiplicity)]
    return replace(
        found,
        orientations=tuple(sorted(listed, key=lambda o: list(Kind).index(o.kind))),
        complete=found.complete and not continua,
        notes=(*found.notes, *notes),
        continua=(*found.continua, *continua),
    )


_SHOWN = 4  # notes on single lines


def _continua(group: list[tuple[Orientation, _Doubt]], order: int) -> list[Continuum]:
    """One continuum for each value of P among lines with the same number of open directions."""
    out: list[Continuum] = []
    scale = max(abs(o.value) for o, _ in group)
    left = sorted(group, key=lambda pair: pair[0].value)
    while left:
        same = [pair for pair in left if pair[0].value - left[0][0].value <= _SAME * scale]
        left = left[len(same) :]
        first, doubt = same[0]
        kinds = {d.whole for _, d in same}
        span = None
        if order == 2 and len(same) == doubt.directions + 1:
            span = tuple(tuple(row) for row in np.linalg.qr(np.array([o.u for o, _ in same]).T)[0].T.tolist())
        kind = kinds.pop() if len(kinds) == 1 else Kind.DEGENERATE
        out.append(Continuum(doubt.directions, kind, first.value, False, span))
    return out


def _doubts(tensor: MomentTensor, level: MomentTensor, u: np.ndarray, value: np.ndarray) -> list[_Doubt]:
    reach = level.value(np.abs(u))
    open_value = (value != 0) & (np.abs(value) <= reach)
    p, size = tensor.order, tensor.dimension
    if p == 1 or size == 1:
        return [_Doubt(float(r), bool(v), 0, Kind.DEGENERATE) for r, v in zip(reach, open_value, strict=True)]
    unit = float(np.ldexp(1.0, tensor.exponent2))
    _, _, form = projected(tensor, u)
    # A basis of the tangent space: the direction u is moved to the upper end.
    shift = 2 * np.abs(form).sum(axis=(1, 2)) + 1
    spectrum, vectors = np.linalg.eigh(form + shift[:, None, None] * u[:, :, None] * u[:, None, :])
    spectrum, vectors = spectrum[:, :-1], vectors[:, :, :-1]
    open_form = (p - 1) * level.hessian(np.abs(u)) + reach[:, None, None] * np.eye(size)
    pulled = np.abs(vectors) / np.sqrt(np.maximum(np.abs(spectrum), 1e-300))[:, None, :]
    ratio = pulled.transpose(0, 2, 1) @ (open_form / unit) @ pulled
    moved = np.linalg.norm(ratio, axis=(1, 2)) >= 1
    wide = np.diagonal(ratio, axis1=1, axis2=2) >= 1
    out = []
    for k in range(len(u)):
        count = max(int(wide[k].sum()), 1) if moved[k] else 0
        signs = set(np.sign(spectrum[k][~wide[k]]).tolist())
        whole = Kind.DEGENERATE
        if len(signs) == 2:
            whole = Kind.SADDLE
        elif not open_value[k] and value[k] != 0:
            # No other direction, D = 2 or all of them open: P is constant to rounding.
            whole = Kind.DEGENERATE if not signs else Kind.ATTRACTOR
            if signs and signs.pop() * value[k] > 0:
                whole = Kind.DYING
        out.append(_Doubt(float(reach[k]), bool(open_value[k]), count, whole))
    return out


def _cube_doubts(tensor: MomentTensor, level: MomentTensor, u: np.ndarray, value: np.ndarray) -> list[_Doubt]:
    reach = level.value(np.abs(u))
    slope, open_slope = np.abs(tensor.gradient(u)), level.gradient(np.abs(u))
    at_border = np.abs(u) > np.abs(u).max(axis=1, keepdims=True) * (1 - 1e-9)
    count = (at_border & (slope <= open_slope)).sum(axis=1)
    return [
        _Doubt(float(r), bool(v != 0 and abs(v) <= r), int(c), Kind.DEGENERATE)
        for r, v, c in zip(reach, value, count, strict=True)
    ]
