"""The leading-order systems as numbers: right-hand sides, potentials and invariants, one a file."""
