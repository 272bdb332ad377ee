"""The forms that drive neurons, and what can be proved of them: moment tensors, kinds, certificates."""
