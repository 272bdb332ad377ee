"""The figures of the source paper, one a file."""
