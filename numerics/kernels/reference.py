"""What the compiled loops compute, by whole arrays and the library's functions: short, slow, compared in tests.

Each function here has the name of a compiled one and returns what that writes; parameters are given by layers.
"""

import numpy as np

Array = np.ndarray

exp, expm1, tanh = np.exp, np.expm1, np.tanh


def combine(w: Array, h: Array, bias: Array) -> Array:
    """W h + bias for w (B, r, c), h (B, c, n) or (1, c, n), bias (B, r) or (B, 0) for none: (B, r, n)."""
    return w @ h + (bias[:, :, None] if bias.shape[1] else 0.0)


def dots(t: Array, h: Array, bias: bool) -> Array:
    """Σ_i t_ji h_ki for t (B, r, n), with a bias Σ_i t_ji in one more column: (B, r, c [+ 1])."""
    out = t @ np.swapaxes(h, 1, 2)
    return np.concatenate([out, t.sum(axis=2, keepdims=True)], axis=2) if bias else out


def forward(w: Array, a: Array, columns: Array, sigma, slope) -> tuple[Array, Array, Array]:
    """σ(z), σ'(z) (B, m, n) and f (B, K, n) of w (B, m, D), a (B, K, m [+ 1 for a bias]) on columns (D, n)."""
    z = w @ columns
    h = sigma(z)
    f = a[..., : w.shape[1]] @ h
    return h, slope(z), f + a[..., w.shape[1] :] if a.shape[2] > w.shape[1] else f


def backward(w: Array, a: Array, columns: Array, h: Array, d: Array, residual: Array) -> tuple[Array, Array]:
    """∂R/∂w and ∂R/∂a, of the shapes of w and a, from residual = ∂R/∂f (B, K, n)."""
    m = w.shape[1]
    of_w = (np.swapaxes(a[..., :m], 1, 2) @ residual * d) @ columns.T
    return of_w, dots(residual, h, a.shape[2] > m)


def adam(gradient: Array, mean: Array, square: Array, keep_mean: float, keep_square: float, shift: float,
         scale: float) -> tuple[Array, Array, Array]:  # fmt: skip
    """Adam's direction and both memories (N,) after a gradient (N,)."""
    mean = keep_mean * mean + (1 - keep_mean) * gradient
    square = keep_square * square + (1 - keep_square) * gradient**2
    return mean / (shift + scale * np.sqrt(square)), mean, square
