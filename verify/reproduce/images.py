"""Image data with labels: the ten-class digits that scikit-learn bundles, or the user's own CIFAR-10 or MNIST."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from numerics.data.datasets import read_npz
from numerics.errors import NumericsError


@dataclass(frozen=True)
class Images:
    """n images as rows x (n, channels·height·width), channel by channel, in [0, 1]; one-hot y (n, K)."""

    name: str
    x: np.ndarray
    y: np.ndarray
    shape: tuple[int, int, int]


def images(path: str | None) -> Images:
    """The digits, or an .npz with x (n, H, W), (n, H, W, C) or (n, C, H, W) or flat squares, and labels y (n,).

    Raises NumericsError, in one line, for anything else.
    """
    return _digits() if path is None else _file(path)


def _digits() -> Images:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise NumericsError("the digits need scikit-learn: install condense with the extra 'data'") from error
    bundled = load_digits()
    x = np.asarray(bundled.data, dtype=float) / 16  # type: ignore[attr-defined]
    return Images("digits, ten classes", x, _one_hot(bundled.target), (1, 8, 8))  # type: ignore[attr-defined]


def _file(path: str) -> Images:
    rows, y = read_npz(path, ("x", "y"))
    labels = y.ravel()
    if rows.ndim == 0 or len(labels) != len(rows):
        raise NumericsError(
            f"{path}: x has shape {rows.shape} and y {y.shape}; one label for each image is needed"
        )
    if not np.all(labels == np.round(labels)) or labels.min(initial=0) < 0:
        raise NumericsError(
            f"{path}: y holds other labels than whole numbers from 0; one for each class is needed"
        )
    if not np.isfinite(rows).all() or rows.max(initial=0) <= 0:
        raise NumericsError(f"{path}: x must hold finite pixels, not all of them 0")
    rows, shape = _channels_first(rows, path)
    return Images(
        Path(path).stem, rows.reshape(len(rows), -1) / rows.max(), _one_hot(labels.astype(int)), shape
    )


def _channels_first(x: np.ndarray, path: str) -> tuple[np.ndarray, tuple[int, int, int]]:
    if x.ndim == 4 and x.shape[3] in (1, 3) and x.shape[1] not in (1, 3):
        x = x.transpose(0, 3, 1, 2)
    if x.ndim == 4:
        return x, (x.shape[1], x.shape[2], x.shape[3])
    if x.ndim == 3:
        return x, (1, x.shape[1], x.shape[2])
    for channels in (1, 3):
        side = round((x.shape[1] / channels) ** 0.5) if x.ndim == 2 else 0
        if side and channels * side * side == x.shape[1]:
            return x, (channels, side, side)
    raise NumericsError(
        f"{path}: x has shape {x.shape}; (n, H, W), (n, C, H, W), (n, H, W, C) or flat squares are needed"
    )


def _one_hot(labels: np.ndarray) -> np.ndarray:
    return np.eye(int(labels.max()) + 1)[labels]
