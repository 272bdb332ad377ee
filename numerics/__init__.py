"""What happens: ODE flows, real networks, measured orientations.

Names are loaded when they are first used, so that reading data does not wait for torch.

    >>> import numerics
    >>> numerics.load("line").x.shape
    (40, 1)
"""

# ruff: noqa: F401 - the names below are for type checkers
import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

# For type checkers, in step with _HOMES: a test compares the two.
if TYPE_CHECKING:
    from numerics.data import Dataset, append_bias, load
    from numerics.errors import NumericsError
    from numerics.flow import gradient_flow, leading_flow, moments, one_sided_moments
    from numerics.measure import chance_counts, clusters, cosine_matrix, match, weighted_median
    from numerics.measure.merging import merge_neurons, output_change
    from numerics.nets import Network
    from numerics.nets.activations import TorchActivation, from_callable
    from numerics.nets.initial import initialise
    from numerics.training import train, train_stepwise
    from numerics.training.stopping import Alignment, LossFraction, RescaledTime, Status, Steps, Time
    from numerics.weights.adapter import Layer, layers
    from numerics.weights.checkpoint import load_state
    from numerics.weights.monitor import CondensationMonitor
    from numerics.weights.observe import LayerObservation, observe

_HOMES = {
    "numerics.data": ("Dataset", "append_bias", "load"),
    "numerics.errors": ("NumericsError",),
    "numerics.nets.activations": ("TorchActivation", "from_callable"),
    "numerics.nets": ("Network",),
    "numerics.nets.initial": ("initialise",),
    "numerics.training.stopping": (
        "Alignment",
        "LossFraction",
        "RescaledTime",
        "Status",
        "Steps",
        "Time",
    ),
    "numerics.training": ("train", "train_stepwise"),
    "numerics.flow": ("gradient_flow", "leading_flow", "moments", "one_sided_moments"),
    "numerics.measure": (
        "chance_counts",
        "clusters",
        "cosine_matrix",
        "match",
        "weighted_median",
    ),
    "numerics.measure.merging": ("merge_neurons", "output_change"),
    "numerics.weights.observe": ("LayerObservation", "observe"),
    "numerics.weights.adapter": ("Layer", "layers"),
    "numerics.weights.checkpoint": ("load_state",),
    "numerics.weights.monitor": ("CondensationMonitor",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'numerics' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__


class _Surface(ModuleType):
    """Keeps public functions in sight: importing numerics.train would put the module in place of the function."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Surface
