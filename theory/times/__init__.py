"""When: horizons, blow-up and alignment times."""
