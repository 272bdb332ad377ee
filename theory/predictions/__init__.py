"""What theory says of a problem, one regime a file."""
