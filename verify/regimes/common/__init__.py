"""What the regimes share: evidence, checks that any of them can be put to."""
