"""What the leading order leaves out: the neglected terms, and what they make of each regime's expectations."""
