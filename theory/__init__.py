"""What the equations say: exact, symbolic, certified.

>>> import theory
>>> theory.activation("x*tanh(x)").multiplicity
2
"""

from theory.activation import Activation, activation
from theory.basins import BasinShare, BasinShares, basin_shares
from theory.closed_form import LinearFlow, linear_horizon
from theory.destination import Destinations, Fate, Neurons, destinations, neurons_at
from theory.dynamics.field import SmoothField
from theory.dynamics.smooth import smooth_system
from theory.dynamics.system import LeadingSystem
from theory.errors import TheoryError
from theory.horizon import Horizon, blow_up_horizon
from theory.moment_tensor import MomentTensor
from theory.orientations import (
    Kind,
    Orientation,
    OrientationSet,
    find_orientations,
    linear_sign_destinations,
    sign_descent_orientations,
)
from theory.prediction import Prediction, predict
from theory.signal import Loss, loss

__all__ = [
    "Activation",
    "BasinShare",
    "BasinShares",
    "Destinations",
    "Fate",
    "Horizon",
    "Kind",
    "LeadingSystem",
    "LinearFlow",
    "Loss",
    "MomentTensor",
    "Neurons",
    "Orientation",
    "OrientationSet",
    "Prediction",
    "SmoothField",
    "TheoryError",
    "activation",
    "basin_shares",
    "blow_up_horizon",
    "destinations",
    "find_orientations",
    "linear_horizon",
    "linear_sign_destinations",
    "loss",
    "neurons_at",
    "predict",
    "sign_descent_orientations",
    "smooth_system",
]
