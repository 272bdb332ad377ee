"""Data sets: embedded ones, the user's files, and generators."""
