"""The figures of a run, one a file, each a function from arrays to a matplotlib Figure."""
