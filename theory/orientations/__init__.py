"""Fixed orientations, one method a file."""

from theory.flows.one_sided import OneSidedDestinations, OneSidedFate, one_sided_destinations
from theory.forms.one_sided import one_sided_form
from theory.forms.stability import Kind
from theory.orientations.cube import AdamReason, AdamRegime, adam_follows, sign_descent_orientations
from theory.orientations.cube.quadratic import linear_sign_destinations
from theory.orientations.one_sided import find_extremal_orientations
from theory.orientations.one_sided.planar import Arc, circle_basins
from theory.orientations.result import Continuum, Method, Orientation, OrientationSet
from theory.orientations.tensor import find_orientations

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
