"""Measuring condensation; `numerics.orientation` is the public surface."""
