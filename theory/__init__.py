"""What the equations say: exact, symbolic, certified."""
