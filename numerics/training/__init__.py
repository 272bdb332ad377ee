"""Training many networks at once, to their own stopping points."""
