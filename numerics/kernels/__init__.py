"""Compiled loops: one door. `reference` says slowly what each of them computes, and a test compares the two."""

from numerics.kernels.compiled import activate, adam, backward, forward, is_thin, kind_of
from numerics.kernels.compiling import share_out
from numerics.kernels.products import affine, pulled_back, store_slopes

__all__ = [
    "activate",
    "adam",
    "affine",
    "backward",
    "forward",
    "is_thin",
    "kind_of",
    "pulled_back",
    "share_out",
    "store_slopes",
]
