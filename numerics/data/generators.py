"""Generators of data: every target of the source paper, XOR and the digits.

Each takes an explicit seed and draws from its own generator, so that a data set never depends on what was
drawn before.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics.errors import NumericsError

Array = NDArray[np.float64]
Pair = tuple[Array, Array]


def _generator(seed: int) -> np.random.Generator:
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise NumericsError(f"seed must be an integer ≥ 0, not {seed!r}")
    return np.random.default_rng(np.random.SeedSequence(seed))


def _positive(**counts: int) -> None:
    for name, count in counts.items():
        if not isinstance(count, int | np.integer) or count < 1:
            raise NumericsError(f"{name} must be a whole number of at least 1, not {count!r}")


def line(n: int = 40) -> Pair:
    """sin 3x + ½ sin 6x at n equally spaced points of [-1, 1.5] (source paper, figure 5); x is (n, 1)."""
    _positive(n=n)
    x = np.linspace(-1.0, 1.5, n)
    return x[:, None], np.sin(3 * x) + 0.5 * np.sin(6 * x)


def sines(
    seed: int, *, n: int = 80, dimension: int = 5, amplitude: float = 3.5, frequency: float = 5.0
) -> Pair:
    """Σ_k amplitude · sin(frequency · x_k + 1) with x uniform in [-4, 2]^dimension; x is (n, dimension).

    The defaults are the data of figure 3 of the source paper; (3, 4.0, 12.0) those of figure 4, and frequency
    2 the low-frequency data of its preprint.
    """
    _positive(n=n, dimension=dimension)
    for name, value in (("amplitude", amplitude), ("frequency", frequency)):
        if not isinstance(value, int | float | np.number) or not np.isfinite(value):
            raise NumericsError(f"{name} must be a finite number, not {value!r}")
    x = _generator(seed).uniform(-4.0, 2.0, (n, dimension))
    return x, amplitude * np.sin(frequency * x + 1.0).sum(axis=1)


def xor() -> Pair:
    """The four points (±1, ±1) with y = x₁ x₂."""
    x = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    return x, x[:, 0] * x[:, 1]


def digits() -> Pair:
    """scikit-learn's 8 × 8 images of 0 (y = -1) and 1 (y = +1), standardised, constant pixels dropped."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise NumericsError(
            "data set 'digits' needs scikit-learn: install condense with the extra 'data'"
        ) from error
    bundled: Any = load_digits()
    kept = bundled.target <= 1
    x = np.asarray(bundled.data[kept], dtype=np.float64)
    x = x[:, x.std(axis=0) > 0]
    return (x - x.mean(axis=0)) / x.std(axis=0), 2.0 * bundled.target[kept] - 1.0
