"""The leading-order system of deep networks."""
