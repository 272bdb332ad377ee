"""Fixed orientations, one method a file."""

from theory.orientations.cube import sign_descent_orientations
from theory.orientations.cube_adam import AdamReason, AdamRegime, adam_follows
from theory.orientations.cube_linear import linear_sign_destinations
from theory.orientations.find import find_orientations
from theory.orientations.result import Continuum, Method, Orientation, OrientationSet
from theory.orientations.sectors import find_extremal_orientations, one_sided_form
from theory.orientations.sectors_basins import Arc, circle_basins
from theory.orientations.sectors_flow import OneSidedDestinations, OneSidedFate, one_sided_destinations
from theory.stability import Kind

__all__ = [
    "AdamReason",
    "AdamRegime",
    "Arc",
    "Continuum",
    "Kind",
    "Method",
    "OneSidedDestinations",
    "OneSidedFate",
    "Orientation",
    "OrientationSet",
    "adam_follows",
    "circle_basins",
    "find_extremal_orientations",
    "find_orientations",
    "linear_sign_destinations",
    "one_sided_destinations",
    "one_sided_form",
    "sign_descent_orientations",
]
