"""Sign descent and Adam on smooth activations."""
