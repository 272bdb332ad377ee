"""Independent witnesses for one-sided orientations: G straight from the data, extrema by dense sampling."""

import numpy as np


def sigma(z, p, plus, minus):
    return np.where(z > 0, plus * np.abs(z) ** p, minus * np.abs(z) ** p)


def big_g(x, s, act, u):
    """G at u (..., D)."""
    return np.mean(s * sigma(u @ x.T, *act), axis=-1)


def circle_extrema(x, s, act, points=400_000):
    """(angle, is_maximum, G) of the strict local extrema of G on a grid of the circle, and the grid's spacing."""
    theta = (np.arange(points) + 0.5) * (2 * np.pi / points)
    g = big_g(x, s, act, np.column_stack([np.cos(theta), np.sin(theta)]))
    left, right = g - np.roll(g, 1), g - np.roll(g, -1)
    floor = 1e-15 * np.abs(g).max()
    top, low = (left > floor) & (right > floor), (left < -floor) & (right < -floor)
    return [(theta[k], bool(top[k]), g[k]) for k in np.flatnonzero(top | low)], 2 * np.pi / points


def subgradient_climb(x, s, act, u, sign, steps=4000):
    """Points u (N, D) moved up sign·G by normalised subgradient steps that shrink geometrically."""
    p, plus, minus = act
    size = 0.05
    for _ in range(steps):
        dots = u @ x.T
        slope = np.where(dots > 0, plus, -minus) * p * np.abs(dots) ** (p - 1)
        grad = sign * (slope * s) @ x / len(s)
        grad -= (grad * u).sum(axis=1, keepdims=True) * u
        u = u + size * grad / np.maximum(np.linalg.norm(grad, axis=1, keepdims=True), 1e-300)
        u /= np.linalg.norm(u, axis=1, keepdims=True)
        size *= 0.997
    return u
