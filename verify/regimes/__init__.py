"""Which checks a prediction is put to: one regime of theory, one folder here, with its evidence, checks and figures."""

from __future__ import annotations

from importlib import import_module

from theory import predict
from verify.bridge.experiment import Experiment
from verify.progress import Progress
from verify.regimes.common.evidence import Examination
from verify.regimes.common.regime import Regime, put


def examine(experiment: Experiment, watch: Progress) -> Examination:
    """Predict, gather the evidence of the regime, put its checks to it.  Raises TheoryError where no theorem applies."""
    watch.stage(f"{experiment.name}: predict")
    prediction = predict(experiment.problem, max_paths=experiment.max_paths, seed=experiment.seed)
    # The folder of a regime bears its name.
    regime: Regime = import_module(f"verify.regimes.{prediction.regime}").REGIME
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
