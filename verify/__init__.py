"""The only place that knows both theory and numerics."""
