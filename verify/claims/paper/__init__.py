"""The source paper's claims, one a file."""
