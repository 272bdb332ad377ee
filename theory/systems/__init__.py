"""The leading-order systems, one theorem a file."""
