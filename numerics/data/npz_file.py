"""Named arrays of real numbers from an .npz that anyone wrote: nothing pickled is ever loaded."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics.data.contents import Contents, contents, user_file
from numerics.errors import NumericsError

Array = NDArray[np.float64]


def read_npz(path: str | Path, names: tuple[str, ...]) -> list[Array]:
    """Arrays of real numbers from an .npz, by name, as float64; nothing pickled is ever loaded.

    Raises NumericsError, with one line that says what the file or the array is instead.
    """
    save = f"save it with numpy.savez(path, {', '.join(f'{name}=...' for name in names)})"
    path = user_file(path, f"an .npz with {' and '.join(names)} is needed")
    found = contents(path)
    if found is Contents.CUT_ZIP:
        raise NumericsError(f"{path}: is {found}; copy it once more, or {save}")
    if found is not Contents.NUMPY_ARCHIVE:
        raise NumericsError(f"{path}: is {found}, not an .npz archive; {save}")
    try:
        with np.load(path, allow_pickle=False) as stored:
            missing = [name for name in names if name not in stored]
            if missing:
                there = ", ".join(stored.files) or "nothing"
                raise NumericsError(
                    f"{path}: array {missing[0]!r} is missing (found: {there}); needed are {' and '.join(names)}"
                )
            return [_real(path, name, stored) for name in names]
    except NumericsError:
        raise
    except Exception as error:  # zipfile, zlib and numpy raise half a dozen kinds on a damaged archive
        raise NumericsError(f"{path}: is a damaged .npz archive; copy it once more, or {save}") from error


def _real(path: Path, name: str, stored: Mapping[str, Any]) -> Array:
    try:
        array = stored[name]
    except ValueError as error:
        if "Object arrays" not in str(error):
            raise
        # numpy's own message tells how to load it unsafely.
        raise NumericsError(
            f"{path}: array {name!r} holds Python objects, which are pickled and never loaded; save plain numbers, "
            "such as numpy.asarray(values, dtype=float)"
        ) from None
    if not isinstance(array, np.ndarray):
        raise NumericsError(f"{path}: {name!r} is not an array; numpy.savez writes arrays")
    if array.dtype.kind not in "fiub":
        raise NumericsError(f"{path}: array {name!r} has dtype {array.dtype}; real numbers are needed")
    return array.astype(np.float64)
