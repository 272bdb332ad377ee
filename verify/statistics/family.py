"""Many tests at once: Holm's step-down, which keeps the family's false alarm at alpha whatever their dependence."""

from __future__ import annotations

import numpy as np

from verify.errors import UsageError
from verify.statistics.intervals import check_level


def holm(p_values: np.ndarray, alpha: float = 1e-3) -> tuple[np.ndarray, np.ndarray]:
    """Which hypotheses are rejected (m,), and the adjusted p-values (m,), to be compared with alpha.

    adjusted_(i) = max_{j <= i} (m - j + 1) p_(j): rejecting where it is <= alpha rejects any true hypothesis with
    probability at most alpha.  Source: Holm 1979.
    """
    p = np.asarray(p_values, dtype=float)
    check_level(alpha)
    if p.ndim != 1 or not np.all((p >= 0) & (p <= 1)):
        raise UsageError(f"p-values of shape {p.shape}; accepted: numbers between 0 and 1, of shape (m,)")
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted <= alpha, adjusted
