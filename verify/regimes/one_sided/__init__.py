"""One-sided activations and several outputs under gradient descent."""
