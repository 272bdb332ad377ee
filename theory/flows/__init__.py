"""The flows that follow from the leading-order fields: where neurons go."""
