"""What a search says about fixed orientations that no certificate can reach: multiple lines and continua.

Nothing here is proved.  Random starts are moved to fixed orientations; those where M is singular to rounding, and which
no certified line explains, are isolated multiple lines or many different ones, a continuum.  P is constant on a connected
set of fixed orientations, its critical points on the sphere, so that they are told apart by P.  Whether one is an
extremum of P all the same, by a higher order, is seen from where starts around it climb to.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from theory.forms.moment_tensor import MomentTensor
from theory.forms.stability import Kind
from theory.orientations.result import Continuum, Orientation
from theory.orientations.tensor.search import climbed, group_lines, projected, random_units, stationary

STARTS = 300
FLAT = 1e-4  # |eigenvalue of M| of a double line at residual CONVERGED ~ 1e-11: its root, with a margin of 30
APART = 1e-3
MANY = 6  # this many different singular lines of one value are taken for a continuum
SAME = 1e-6  # of ‖T‖: values of P told apart; at a double line it errs by FLAT^2
NEAR = 0.05
AROUND = 60


@dataclass
class Singular:
    """Isolated singular real lines, uncertified and degenerate, continua, and notes on what was seen."""

    lines: list[Orientation] = field(default_factory=list)
    continua: list[Continuum] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def describe_singular(
    tensor: MomentTensor, known: list[Orientation], generator: np.random.Generator
) -> Singular:
    """Describe the singular fixed orientations of T away from the `known` ones."""
    u = stationary(tensor, random_units(STARTS, tensor.dimension, generator))
    value, _, form = projected(tensor, u)
    # One eigenvalue of the projected form is 0, along u itself.
    spectrum = np.linalg.eigvalsh(form)
    scale = np.abs(spectrum).max(axis=1, initial=1e-300, keepdims=True)
    zero = np.abs(spectrum) < FLAT * np.maximum(scale, tensor.frobenius_bound * 1e-3)
    flat = zero.sum(axis=1) - 1
    for line in known:
        at = np.array(line.u)
        flat[np.linalg.norm(u - (u @ at)[:, None] * at, axis=1) < APART] = 0
    keep = flat > 0
    if not keep.any():
        return Singular(
            notes=["no singular real orientation was met by a search from random starts (not a proof)"]
        )
    u, value, flat, spectrum = u[keep], value[keep], flat[keep], np.where(zero, 0.0, spectrum)[keep]
    value = np.where(np.abs(value) < SAME * tensor.frobenius_bound, 0.0, value)
    odd = tensor.order % 2 == 1
    level = np.abs(value) if odd else value  # of a line, not of a vector
    order = np.argsort(level)
    breaks = np.flatnonzero(np.diff(level[order]) > SAME * tensor.frobenius_bound) + 1
    found = Singular()
    for group in np.split(order, breaks):
        heads, _ = group_lines(u[group], APART)
        if len(heads) < MANY:
            for head in heads:
                found.lines.append(_degenerate(tensor, head, generator, found.notes))
        else:
            signs = {_curvature(spectrum[k], float(value[k])) for k in group.tolist()}
            kind = signs.pop() if len(signs) == 1 else Kind.DEGENERATE
            _continuum(tensor, heads, float(value[group[0]]), int(flat[group].min()), kind, found)
            found.notes[-1] += (
                f"; {len(group)} of {STARTS} random starts end on it, at {len(heads)} different lines"
            )
    if found.lines:
        found.notes.insert(
            0, f"{len(found.lines)} isolated singular real lines were met by a search; listed, not certified"
        )
    return found


def _curvature(spectrum: np.ndarray, value: float) -> Kind:
    """What a continuum does that has the spectrum of M across it: nothing is said where P = 0 or M = 0."""
    signs = set(np.sign(spectrum[spectrum != 0]).tolist())
    if len(signs) == 2:
        return Kind.SADDLE
    if not signs or value == 0:
        return Kind.DEGENERATE
    return Kind.ATTRACTOR if signs.pop() * value < 0 else Kind.DYING


def _continuum(
    tensor: MomentTensor, heads: np.ndarray, value: float, dimension: int, kind: Kind, found: Singular
) -> None:
    number = value * float(np.ldexp(1.0, tensor.exponent2))
    found.continua.append(Continuum(dimension, kind, number, False))
    where = ", ".join(f"{x:.4g}" for x in heads[0] + 0.0)
    found.notes.append(
        f"a continuum of real fixed orientations, of dimension {dimension} (numerical, not proved), with P = {number:.6g}, "
        + ("of no known kind" if kind is Kind.DEGENERATE else f"{kind.value} as a whole")
        + f", for example at ({where})"
    )


def _degenerate(
    tensor: MomentTensor, u: np.ndarray, generator: np.random.Generator, notes: list[str]
) -> Orientation:
    """List one singular line; the note says of what kind it is to the eye."""
    value = float(tensor.value(u))
    sign = 1 if value > 0 else -1
    seen = "neither a maximum nor a minimum of |P| nearby"
    for upwards, text in ((sign, "a maximum of |P|"), (-sign, "a minimum of |P|")):
        around = u + NEAR * random_units(AROUND, len(u), generator)
        ends = climbed(tensor, around / np.linalg.norm(around, axis=1, keepdims=True), upwards)
        if np.all(upwards * (tensor.value(ends) - value) <= SAME * abs(value)):
            seen = text + " all the same, by a higher order"
    where = ", ".join(f"{x:.4g}" for x in u)
    notes.append(
        f"P = {value:.6g} at ({where}), where M has a zero direction: {seen} (numerical, not proved)"
    )
    return Orientation(tuple(u.tolist()), value, Kind.DEGENERATE, None, False, 2.0)
