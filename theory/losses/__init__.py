"""Losses: their signal at zero output, exactly, and at any output, as numbers."""
