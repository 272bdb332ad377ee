"""What the equations say: exact, symbolic, certified.

>>> import theory
>>> theory.activation("x*tanh(x)").multiplicity
2
"""

from theory.activation import Activation, activation
from theory.alignment import alignment_exponent, alignment_time, linear_alignment_time
from theory.basins import BasinShare, BasinShares, basin_shares
from theory.blow_up import aligned_blow_up_time, balanced_blow_up_time, balanced_horizon, blow_up_bounds
from theory.closed_form import LinearFlow, linear_horizon
from theory.destination import Destinations, Fate, Neurons, destinations, neurons_at
from theory.dynamics.decay import DecayField, decay_system, decayed_blow_up, undecayed_time
from theory.dynamics.deep import deep_system
from theory.dynamics.deep_field import DeepField
from theory.dynamics.deep_orientations import FirstLayer, first_layer, product_order
from theory.dynamics.field import SmoothField
from theory.dynamics.forms import PowerForm
from theory.dynamics.offset import offset_system
from theory.dynamics.offset_field import OffsetField, OffsetVariant
from theory.dynamics.one_sided import one_sided_system
from theory.dynamics.one_sided_field import OneSidedField
from theory.dynamics.outputs import outputs_system
from theory.dynamics.outputs_field import LinearOutputs, OutputsField, output_tensors
from theory.dynamics.rescaled import rescaled
from theory.dynamics.smooth import smooth_system
from theory.dynamics.system import LeadingSystem
from theory.errors import TheoryError
from theory.horizon import Horizon, blow_up_horizon
from theory.moment_tensor import MomentTensor
from theory.offset import OffsetPrediction, Split, offset_prediction
from theory.orientations import (
    AdamReason,
    AdamRegime,
    Arc,
    Kind,
    OneSidedDestinations,
    OneSidedFate,
    Orientation,
    OrientationSet,
    adam_follows,
    circle_basins,
    find_extremal_orientations,
    find_orientations,
    linear_sign_destinations,
    one_sided_destinations,
    one_sided_form,
    sign_descent_orientations,
)
from theory.output_orientations import output_orientations
from theory.output_signal import FittedOutput, fitted_output, signal_function
from theory.prediction import Prediction, predict
from theory.signal import Loss, loss

__all__ = [
    "Activation",
    "AdamReason",
    "AdamRegime",
    "Arc",
    "BasinShare",
    "BasinShares",
    "DecayField",
    "DeepField",
    "Destinations",
    "Fate",
    "FirstLayer",
    "FittedOutput",
    "Horizon",
    "Kind",
    "LeadingSystem",
    "LinearFlow",
    "LinearOutputs",
    "Loss",
    "MomentTensor",
    "Neurons",
    "OffsetField",
    "OffsetPrediction",
    "OffsetVariant",
    "OneSidedDestinations",
    "OneSidedFate",
    "OneSidedField",
    "Orientation",
    "OrientationSet",
    "OutputsField",
    "PowerForm",
    "Prediction",
    "SmoothField",
    "Split",
    "TheoryError",
    "activation",
    "adam_follows",
    "aligned_blow_up_time",
    "alignment_exponent",
    "alignment_time",
    "balanced_blow_up_time",
    "balanced_horizon",
    "basin_shares",
    "blow_up_bounds",
    "blow_up_horizon",
    "circle_basins",
    "decay_system",
    "decayed_blow_up",
    "deep_system",
    "destinations",
    "find_extremal_orientations",
    "find_orientations",
    "first_layer",
    "fitted_output",
    "linear_alignment_time",
    "linear_horizon",
    "linear_sign_destinations",
    "loss",
    "neurons_at",
    "offset_prediction",
    "offset_system",
    "one_sided_destinations",
    "one_sided_form",
    "one_sided_system",
    "output_orientations",
    "output_tensors",
    "outputs_system",
    "predict",
    "product_order",
    "rescaled",
    "sign_descent_orientations",
    "signal_function",
    "smooth_system",
    "undecayed_time",
]
