"""Fixed orientations of a moment tensor, one method a file.

One verb: all fixed orientations of a moment tensor, by the method that fits p and D.
"""

from __future__ import annotations

from theory.errors import TheoryError
from theory.forms.moment_tensor import MomentTensor
from theory.orientations.result import Method, OrientationSet
from theory.orientations.tensor.frame import followed
from theory.orientations.tensor.homotopy import homotopy, lines_of
from theory.orientations.tensor.linear import linear
from theory.orientations.tensor.multistart import multistart
from theory.orientations.tensor.planar import planar
from theory.orientations.tensor.spectral import spectral
from theory.orientations.undetermined import undetermined


def generic_lines(order: int, dimension: int) -> int:
    """The number of complex fixed lines of a generic T, Σ_{k<D} (p-1)^k; Cartwright, Sturmfels 2013."""
    return lines_of(order, dimension)


def choose_method(order: int, dimension: int, max_paths: int) -> Method:
    """Return the method that `find_orientations` takes by itself."""
    if order == 1 or dimension == 1:
        return Method.LINEAR
    if dimension == 2:
        return Method.PLANAR
    if order == 2:
        return Method.SPECTRAL
    return Method.HOMOTOPY if generic_lines(order, dimension) <= max_paths else Method.MULTISTART


def find_orientations(
    tensor: MomentTensor,
    *,
    bias: bool = True,
    method: Method | str | None = None,
    max_paths: int = 20000,
    seed: int = 0,
) -> OrientationSet:
    """Return the fixed orientations T u^{p-1} = P(u) u of a moment tensor, each with its certificate and
    kind.

    `bias` says whether the last coordinate is one, and is only passed on.  `method` overrides the choice:
    linear (p = 1 or D = 1), planar (D = 2), spectral (p = 2), homotopy (p >= 3, D >= 2), multistart above
    `max_paths` complex lines.  The result depends on `seed` only through its statistics, when the search is
    complete.  What the rounding of the data leaves open is degenerate (theory.orientations.undetermined).
    Raises TheoryError for a method that does not apply.  Cost: milliseconds for p ≤ 2 or D = 2, seconds
    for some thousand lines.  Source: theory notes, section 3.

    >>> import numpy as np
    >>> from theory.forms.moment_tensor import MomentTensor
    >>> found = find_orientations(MomentTensor.from_data(np.eye(2), np.array([2.0, 4.0]), 3))
    >>> found.complete, found.lines_found, [[round(x, 6) for x in o.u] for o in found.attractors]
    (True, 3, [[0.0, 1.0], [0.0, -1.0], [1.0, 0.0], [-1.0, 0.0]])
    """
    p, dimension = tensor.order, tensor.dimension
    try:
        chosen = choose_method(p, dimension, max_paths) if method is None else Method(method)
        # Few samples: the lines lie in their span, and are followed there.
        if method is None and chosen is Method.MULTISTART and not tensor.is_zero:
            chosen = choose_method(p, max(followed(tensor), 3), max_paths)
    except ValueError:
        raise TheoryError(f"orientations: unknown method {method!r}; accepted: {', '.join(Method)}") from None
    fits = {
        Method.LINEAR: p == 1 or dimension == 1,
        Method.PLANAR: dimension == 2,
        Method.SPECTRAL: p == 2 and dimension >= 2,
        Method.HOMOTOPY: p >= 3 and dimension >= 2,
        Method.MULTISTART: p >= 3 and dimension >= 2,
    }
    if not fits.get(chosen, False):
        usable = ", ".join(m for m, fit in fits.items() if fit)
        raise TheoryError(
            f"orientations: {chosen} does not treat p = {p}, D = {dimension}; accepted: {usable}"
        )
    exact = {Method.LINEAR: linear, Method.PLANAR: planar, Method.SPECTRAL: spectral}
    if chosen in exact:
        found = exact[chosen](tensor, bias=bias, seed=seed)
    else:
        search = homotopy if chosen is Method.HOMOTOPY else multistart
        found = search(tensor, bias=bias, expected=generic_lines(p, dimension), seed=seed)
    return undetermined(tensor, found)
