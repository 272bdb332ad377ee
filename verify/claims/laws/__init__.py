"""The project's own laws, one a file."""
