"""Fixed orientations of coordinatewise optimisers: maxima on the cube."""
