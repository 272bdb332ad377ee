"""Related results of the field, one a file."""
