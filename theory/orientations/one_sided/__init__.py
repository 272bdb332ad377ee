"""Fixed orientations of one-sided activations, kinks included."""
