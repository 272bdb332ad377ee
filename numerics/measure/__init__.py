"""Measuring condensation; `numerics.measure.orientation` is the public surface."""
