"""Fixed orientations of a moment tensor, one method a file."""
