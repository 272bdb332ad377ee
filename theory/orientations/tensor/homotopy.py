"""p >= 3, any D: all complex fixed lines by continuation, each certified, and completeness by counting.

Statement.  The fixed lines of T, T u^{p-1} ∧ u = 0, isotropic ones (u·u = 0) and those with λ = 0 included, are
finite in number for almost every T, and then N = Σ_{k<D} (p-1)^k, multiplicities counted.  If N distinct simple
ones are certified, there are no others, neither isolated nor in a continuum.
Proof.
 a. N is the degree of the top Chern class of (C^D/O(-1)) ⊗ O(p-1) on P^{D-1}, of which T u^{p-1} is a section
    (Cartwright and Sturmfels 2013); the diagonal tensors of step 1 attain it.
 b. I = {(T, u): T u^{p-1} ∧ u = 0} is a vector bundle over P^{D-1}: for any complex u ≠ 0 the map T ↦ T u^{p-1} is onto
    (with v·u = 1, the symmetric part of w ⊗ v^{p-1} goes to (w + (p-1)(w·u) v)/p, a regular map of w).  So I is smooth,
    irreducible and of the dimension of the space Sym of all T.
 c. π: I → Sym is proper and of degree N.  By Stein it is I → S → Sym, the first with connected fibres, the second
    finite, S irreducible; as Sym is normal, every fibre of S → Sym has at most N points, counted with local degrees ≥ 1
    that add up to N (Hartshorne III.11.5; Shafarevich II.6.3).
 d. A point of S over T is a connected component of the fixed lines of T.  A simple line is one by itself and of local
    degree 1; N of them leave nothing.
With fewer than N nothing is said about the rest.  Frames (frame.py) only guide the search; where T does not see some
directions, the statement is applied to the span, as proved there.
Steps.
 1. Follow the explicit eigenlines of a random complex diagonal tensor to T (tracker.py).
 2. Certify every end in binary64 with rounding bounds, in Arb where that is not enough; count distinct ones.
 3. Paths that failed, or that are not proved apart, are followed again with smaller steps; then all
    with another b.
 4. A line is proved not real by its distance to its conjugate, and proved real by a certificate with a
    real centre.
 5. Real lines are refined in Arb and their kind decided.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from theory.forms.certificate import (
    Enclosure,
    certify_ball,
    certify_batch,
    not_apart,
    proved_apart,
    value_is_zero,
)
from theory.forms.moment_tensor import MomentTensor
from theory.forms.stability import Kind, classify
from theory.orientations.result import (
    Continuum,
    Method,
    Orientation,
    OrientationSet,
    both_sides,
    certified_orientation,
    whole_sphere,
)
from theory.orientations.tensor.frame import Frame, frame, kernel_line
from theory.orientations.tensor.singular import describe_singular
from theory.orientations.tensor.tracker import ARRIVED_SINGULAR, Paths, start_diagonal, start_lines, track

PRECISIONS = (128, 256, 512)
ROUNDS = 3
BATCH = 2048  # paths a batch: larger ones leave the cache


@dataclass
class _Lines:
    """Certified lines found so far, pairwise proved distinct, and what did not certify."""

    u: np.ndarray
    sine: np.ndarray
    singular: np.ndarray
    failed: int = 0
    stats: dict = field(default_factory=lambda: {"rounds": 0, "paths": 0, "steps": 0, "retracked": 0})


def homotopy(tensor: MomentTensor, *, bias: bool, expected: int, seed: int = 0) -> OrientationSet:
    """Return all fixed orientations for p >= 3, D >= 2; cost O(N D³) a continuation step, N complex lines.

    `expected` is the generic count of lines in D variables.
    """
    notes: list[str] = []
    real: list[Orientation] = []
    continua: list[Continuum] = []
    found, complete, stats = 0, False, {}
    if tensor.is_zero:
        continua.append(whole_sphere(tensor.dimension))
        notes.append(
            "T = 0: every orientation is fixed (a continuum, the whole sphere); the next order decides"
        )
    else:
        generator, other = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
        view = frame(tensor)
        count = expected if view.rank == tensor.dimension else lines_of(tensor.order, view.rank)
        lines = _search(tensor, view, count, generator)
        real, undecided = _real_lines(tensor, lines, notes)
        found = len(lines.u)
        stats = lines.stats | {"singular_ends": len(lines.singular), "failed": lines.failed}
        if undecided:
            notes.append(f"{undecided} lines are neither proved real nor proved not real")
            stats["undecided"] = undecided
        complete = found == count and not undecided
        if found < count:
            notes.append(_why_incomplete(lines, found, count))
            singular = describe_singular(tensor, real, other)
            real += singular.lines
            continua += singular.continua
            notes += singular.notes
        if view.rank < tensor.dimension:
            at_rest, sphere, note = unseen(tensor, view, real, proved=complete)
            continua += sphere
            found, complete = found + len(at_rest), complete and bool(at_rest)
            real += at_rest
            notes.append(note)
    return OrientationSet(
        multiplicity=tensor.order,
        dimension=tensor.dimension,
        bias=bias,
        bound_2p=2 * tensor.order,
        lines_expected=expected,
        lines_found=found,
        complete=complete,
        method=Method.HOMOTOPY,
        notes=tuple(notes),
        orientations=both_sides(real, tensor.order),
        seed=seed,
        stats=stats,
        continua=tuple(continua),
    )


def _search(tensor: MomentTensor, view: Frame, expected: int, generator: np.random.Generator) -> _Lines:
    """Return the distinct certified lines of up to ROUNDS continuations (steps 1 to 3)."""
    lines = _Lines(
        np.empty((0, tensor.dimension), complex), np.empty(0), np.empty((0, tensor.dimension), complex)
    )
    for _ in range(ROUNDS):
        before = len(lines.u)
        ends, sine = _one_round(tensor, view, generator, lines.stats)
        u = np.concatenate([lines.u, ends.u[np.isfinite(sine)]])
        sines = np.concatenate([lines.sine, sine[np.isfinite(sine)]])
        keep = _distinct(u, sines)
        lines.u, lines.sine = u[keep], sines[keep]
        near = ~np.isfinite(sine) & (1 - ends.t < ARRIVED_SINGULAR)
        lines.singular = ends.u[near]
        lines.failed = int((~np.isfinite(sine) & ~near).sum())
        # Nothing new from another start: what is missing is singular, not lost.
        if len(lines.u) == expected or (before and len(lines.u) == before):
            break
    return lines


def _one_round(
    tensor: MomentTensor, view: Frame, generator: np.random.Generator, stats: dict
) -> tuple[Paths, np.ndarray]:
    b = start_diagonal(view.tensor, generator)
    u, value = start_lines(b, tensor.order)
    ends = _track_all(view, b, u, value, 1e-4, stats)
    sine = _certified(tensor, ends)
    stats["rounds"] += 1
    stats["paths"] += len(u)
    twins = {k for pair in not_apart(ends.u, np.where(np.isfinite(sine), sine, 0.0)) for k in pair}
    lost = np.array(
        sorted(twins | set(np.flatnonzero(ends.t < 1 - ARRIVED_SINGULAR).tolist())), dtype=np.intp
    )
    if lost.size:
        stats["retracked"] += len(lost)
        again = _track_all(view, b, u[lost], value[lost], 1e-7, stats)
        for whole, part in ((ends.u, again.u), (ends.value, again.value), (ends.t, again.t)):
            whole[lost] = part
        sine[lost] = _certified(tensor, again)
    return ends, sine


def _track_all(
    view: Frame, b: np.ndarray, u: np.ndarray, value: np.ndarray, tolerance: float, stats: dict
) -> Paths:
    """Follow the lines in the frame; the ends in the coordinates of the data."""
    parts = [
        track(view.tensor, b, u[k : k + BATCH], value[k : k + BATCH], tolerance=tolerance, metric=view.metric)
        for k in range(0, len(u), BATCH)
    ]
    stats["steps"] += sum(part.steps for part in parts)
    ends, values, t = (np.concatenate([getattr(q, name) for q in parts]) for name in ("u", "value", "t"))
    return Paths(view.lift(ends), values, t, stats["steps"])


def _certified(tensor: MomentTensor, ends: Paths) -> np.ndarray:
    """Return the sine bound of every end, inf where nothing is proved (step 2); refines `ends.u` in place."""
    # λ from u itself: that of the frame has another scale.
    value = (ends.u.conj() * (tensor.normalised_hessian(ends.u) @ ends.u[..., None])[..., 0]).sum(axis=-1)
    sine = certify_batch(tensor, ends.u, value)
    for k in np.flatnonzero(~np.isfinite(sine) & (ends.t == 1.0)).tolist():
        for precision in PRECISIONS[:2]:
            enclosure = certify_ball(tensor, ends.u[k], precision)
            if enclosure is not None:
                ends.u[k], sine[k] = enclosure.floats()
                break
    return sine


def _distinct(u: np.ndarray, sine: np.ndarray) -> np.ndarray:
    """Return the indices of lines that are pairwise proved distinct, the better certified of two kept."""
    order = np.argsort(sine, kind="stable")
    dropped: set[int] = set()
    for i, j in sorted(not_apart(u[order], sine[order])):
        if i not in dropped:
            dropped.add(j)
    return np.sort(order[[k for k in range(len(u)) if k not in dropped]])


def _real_lines(tensor: MomentTensor, lines: _Lines, notes: list[str]) -> tuple[list[Orientation], int]:
    """Return the real orientations, one a line, and the number of lines left undecided (steps 4 and 5)."""
    candidates = np.flatnonzero(~proved_apart(lines.u, lines.u.conj(), 2 * lines.sine))
    real: list[Orientation] = []
    undecided = 0
    for k in candidates.tolist():
        enclosure = real_enclosure(tensor, lines.u[k])
        if enclosure is not None:
            lines.u[k], lines.sine[k] = enclosure.floats()
            real.append(orient(tensor, enclosure, notes))
        elif not _proved_not_real(tensor, lines.u[k]):
            undecided += 1
    # A real certificate may have landed on another line than the one it started from: count again.
    keep = _distinct(lines.u, lines.sine)
    if len(keep) < len(lines.u):
        lines.u, lines.sine = lines.u[keep], lines.sine[keep]
        real = _without_twins(real)
    return real, undecided


def _without_twins(real: list[Orientation]) -> list[Orientation]:
    u = np.array([o.u for o in real], dtype=complex)
    return [real[k] for k in _distinct(u, np.array([2 * o.radius for o in real]))]


def real_enclosure(tensor: MomentTensor, u: np.ndarray) -> Enclosure | None:
    """Return a certificate with a real centre near the complex line u, or None."""
    turned = (u * np.exp(-0.5j * np.angle((u * u).sum()))).real
    for precision in PRECISIONS:
        enclosure = certify_ball(tensor, turned, precision)
        if enclosure is not None:
            return enclosure
    return None


def _proved_not_real(tensor: MomentTensor, u: np.ndarray) -> bool:
    enclosure = certify_ball(tensor, u, PRECISIONS[-1])
    if enclosure is None:
        return False
    centre, sine = enclosure.floats()
    return bool(proved_apart(centre[None], centre[None].conj(), np.array([2 * sine]))[0])


def orient(tensor: MomentTensor, enclosure: Enclosure, notes: list[str]) -> Orientation:
    """Return the certified orientation of a real enclosure, with its kind."""
    unit = enclosure.unit()
    kind, sign, value = classify(tensor, unit, enclosure.precision)
    if kind is Kind.DEGENERATE:
        if value.contains(0) and value_is_zero(tensor, enclosure):
            kind, sign, value = classify(tensor, unit, enclosure.precision, value_is_zero=True)
        else:
            finer = certify_ball(tensor, np.array([float(x.mid()) for x in unit]), PRECISIONS[-1])
            if finer is not None:
                unit = finer.unit()
                kind, sign, value = classify(tensor, unit, finer.precision)
        if kind is Kind.DEGENERATE:
            what = (
                "P(u) = {:.1e} is not proved to be or not to be 0"
                if value.contains(0)
                else ("(p-1) T u^{{p-2}} - P I is not proved definite or indefinite, P(u) = {:.1e},")
            )
            notes.append(what.format(float(value.mid())) + " at one orientation")
    return certified_orientation(unit, value, kind, sign)


def lines_of(order: int, dimension: int) -> int:
    """N = Σ_{k<D} (p-1)^k, the number of complex fixed lines of a generic T."""
    return sum((order - 1) ** k for k in range(dimension))


def unseen(
    tensor: MomentTensor, view: Frame, real: list[Orientation], *, proved: bool
) -> tuple[list[Orientation], list[Continuum], str]:
    """The line or the continuum that T does not see, and a note; `proved`: `real` are all orientations with P ≠ 0."""
    size = len(view.kernel)
    # P has its extreme values on the unit sphere of the span at fixed orientations: of one sign, they make P definite.
    signs = {np.sign(o.value) for o in real}
    definite = proved and tensor.order % 2 == 0 and len(signs) == 1
    kind = Kind.REPELLER if definite else Kind.DEGENERATE
    what = (
        f"T sees {view.rank} of {tensor.dimension} directions, the span of the data: P(u) = 0 and u is fixed "
    )
    all_there = "; every orientation with P(u) ≠ 0 is listed" if proved else ""
    if size == 1:
        return (
            [kernel_line(view.kernel[0], kind)],
            [],
            what + f"at the one line orthogonal to them{all_there}",
        )
    rows = np.array([[int(x.p) / int(x.q) for x in w] for w in view.kernel])
    span = tuple(tuple(row) for row in np.linalg.qr(rows.T)[0].T.tolist())
    return (
        [],
        [Continuum(size - 1, kind, 0.0, True, span)],
        what
        + (
            f"on the unit sphere orthogonal to them, a continuum of dimension {size - 1}, {kind.value} as a whole"
            + all_there
        ),
    )


def _why_incomplete(lines: _Lines, found: int, expected: int) -> str:
    text = f"{found} of {expected} complex lines are certified"
    if len(lines.singular):
        text += f"; {len(lines.singular)} paths end on singular lines (multiple, or part of a continuum)"
    if lines.failed:
        text += f"; {lines.failed} paths failed"
    return text + ": nothing is proved about the rest"
