"""Fixed orientations, one method a file."""

from theory.orientations.find import find_orientations
from theory.orientations.result import Method, Orientation, OrientationSet
from theory.stability import Kind

__all__ = ["Kind", "Method", "Orientation", "OrientationSet", "find_orientations"]
