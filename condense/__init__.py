"""Is a theory of neural-network training true?  Derive it, predict with it, test it.

    >>> import condense
    >>> x, y = [[1, 1], [1, -1], [-1, 1], [-1, -1]], [1, -1, -1, 1]
    >>> found = condense.orientations(x, y, "z**3")
    >>> found.complete, len(found.attractors), found.bound_2p
    (True, 8, 6)

    report = condense.verify(condense.Experiment(data="line", activation="x*tanh(x)"))

This is the name to look for; behind it stand three packages with more than is named here: `theory` (exact), `numerics`
(floating point) and `verify` (compares).  Names are loaded when they are first used: neither reading data nor predicting
waits for torch.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numerics.data import Dataset, load
    from numerics.weights.observe import observe
    from theory import Network, OrientationSet, Prediction, Problem, activation, derive, loss, predict
    from verify.bridge.experiment import Experiment
    from verify.regimes.run import run as verify
    from verify.report import Report
    from verify.verdict import Verdict

_HOME = {
    "Dataset": "numerics",
    "Experiment": "verify",
    "Network": "theory",
    "OrientationSet": "theory",
    "Prediction": "theory",
    "Problem": "theory",
    "Report": "verify",
    "Verdict": "verify",
    "activation": "theory",
    "derive": "theory",
    "load": "numerics",
    "loss": "theory",
    "observe": "numerics",
    "predict": "theory",
    "verify": "verify",
}
_THEIR_NAMES = {"verify": "run"}  # `condense.verify` is `verify.run`

__version__ = version("condense")
__all__ = [
    "Dataset",
    "Experiment",
    "Network",
    "OrientationSet",
    "Prediction",
    "Problem",
    "Report",
    "Verdict",
    "activation",
    "derive",
    "load",
    "loss",
    "observe",
    "orientations",
    "predict",
    "verify",
]


def orientations(x: Any, y: Any = None, sigma: Any = "tanh", **description: Any) -> OrientationSet:
    """All fixed orientations of `sigma` on the data, certified, with their stability.

    The arguments are those of `condense.predict`: x (n, d) or (n,) without the bias column, y (n,) or (n, K), `sigma` a
    name of the catalogue or a formula, and what `condense.Problem.of` takes; or a `Problem` alone.  Raises
    theory.TheoryError, in one line, where no theorem applies.

    >>> [each.value for each in orientations([1.0, 2.0], [1.0, 1.0], "tanh", bias=False).orientations]
    [1.5, -1.5]
    """
    from theory import predict

    return predict(x, y, sigma, **description).orientations


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'condense' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), _THEIR_NAMES.get(name, name))


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def _refuse_shadowed() -> None:
    # verify/rooms.py by its place beside this folder, not by its name: that may be the one which is taken.
    spec = spec_from_file_location(
        "_condense_rooms", Path(__file__).resolve().parents[1] / "verify" / "rooms.py"
    )
    assert spec is not None
    assert spec.loader is not None
    rooms = module_from_spec(spec)
    spec.loader.exec_module(rooms)
    rooms.refuse_shadowed()


_refuse_shadowed()
