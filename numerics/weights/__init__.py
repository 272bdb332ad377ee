"""Anyone's trained weights: checkpoints read as layers of neurons, and measured."""
