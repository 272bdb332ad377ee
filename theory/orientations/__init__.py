"""Fixed orientations, one method a file."""

from theory.orientations.cube import sign_descent_orientations
from theory.orientations.cube_linear import linear_sign_destinations
from theory.orientations.find import find_orientations
from theory.orientations.result import Method, Orientation, OrientationSet
from theory.orientations.sectors import find_extremal_orientations
from theory.stability import Kind

__all__ = [
    "Kind",
    "Method",
    "Orientation",
    "OrientationSet",
    "find_extremal_orientations",
    "find_orientations",
    "linear_sign_destinations",
    "sign_descent_orientations",
]
