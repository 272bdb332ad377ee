"""Anyone's trained weights: layers found in modules and files, and how condensed they are."""
