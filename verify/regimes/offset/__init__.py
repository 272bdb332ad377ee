"""σ(0) ≠ 0 under gradient descent."""
