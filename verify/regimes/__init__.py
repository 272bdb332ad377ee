"""Which checks a prediction is put to: one regime of theory, one folder here, with its evidence, checks and figures."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from theory import Prediction, predict
from verify.bridge.experiment import Experiment
from verify.progress import Progress
from verify.regimes.common.evidence import Examination
from verify.regimes.common.regime import Regime, put


def _folder_of(prediction: Prediction) -> Regime:
    """The folder of a regime bears its name; a regime without one is refused."""
    name = f"verify.regimes.{prediction.regime}"
    if find_spec(name) is None:
        accepted = "`condense derive`, `condense orientations` or `condense order` on it"
        raise prediction.refused("what training is compared with", accepted)
    return import_module(name).REGIME


def examine(experiment: Experiment, watch: Progress) -> Examination:
    """Predict, gather the evidence of the regime, put its checks to it.  Raises TheoryError where no theorem applies."""
    watch.stage(f"{experiment.name}: predict")
    prediction = predict(experiment.problem, max_paths=experiment.max_paths, seed=experiment.seed)
    regime = _folder_of(prediction)
    evidence = regime.gather(experiment, prediction, watch)
    assert evidence.resolved is not None
    return Examination(
        experiment=evidence.experiment,
        resolved=evidence.resolved,
        checks=tuple(put(regime.rules, evidence, experiment.name, watch)),
        notes=regime.notes(evidence),
        arrays=regime.arrays(evidence),
        drawings=regime.drawings(evidence),
    )
