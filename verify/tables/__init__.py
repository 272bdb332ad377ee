"""Everything that is printed for a terminal."""
