"""Fixed orientations, one method a file."""
