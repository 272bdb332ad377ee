"""Networks as descriptions: activations, losses, initial laws, and the gradient of the risk."""
