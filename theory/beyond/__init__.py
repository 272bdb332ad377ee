"""What the leading order leaves out, and how large it is."""
