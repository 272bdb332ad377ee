"""The smooth leading-order flow under gradient descent."""
