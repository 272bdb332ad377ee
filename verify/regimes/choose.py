"""Which regime covers an experiment: what drives the neurons × how they are stepped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from theory import TheoryError, activation
from verify.bridge.experiment import Experiment
from verify.bridge.training import WIDTH
from verify.progress import Progress
from verify.regimes.common.examination import Examination
from verify.regimes.coordinatewise.examine import examine_cube
from verify.regimes.offset.examine import examine_offset
from verify.regimes.one_sided.examine import examine_field
from verify.regimes.smooth.examine import examine_smooth

Regime = Callable[[Experiment, Progress], Examination]


def choose(experiment: Experiment) -> Regime:
    """The regime of an experiment.  Raises TheoryError, in one line, where there is none."""
    sigma = activation(experiment.activation)
    coordinatewise = experiment.optimizer in ("adam", "sign")
    if sigma.value_at_zero != 0:
        if experiment.targets.ndim == 2:
            raise TheoryError(
                f"σ = {sigma.text} has σ(0) ≠ 0: `condense verify` follows one output; accepted: y of shape (n,)"
            )
        if coordinatewise:
            raise TheoryError(
                f"σ = {sigma.text} has σ(0) ≠ 0: how {experiment.optimizer} fits the mean and then turns the neurons is "
                "not derived; accepted: --optimizer gd or momentum, or an activation with σ(0) = 0"
            )
        return examine_offset
    several = experiment.targets.ndim == 2
    if coordinatewise and (several or not sigma.is_smooth):
        what = "several outputs" if several else f"σ = {sigma.text} has a kink at 0"
        raise TheoryError(
            f"{what}: where {experiment.optimizer} takes its neurons is not derived; accepted: --optimizer gd or momentum"
        )
    if several or not sigma.is_smooth:
        return _at_default_width(examine_field)
    return _at_default_width(examine_cube if coordinatewise else examine_smooth)


def _at_default_width(regime: Regime) -> Regime:
    def examine(experiment: Experiment, watch: Progress) -> Examination:
        return regime(replace(experiment, width=experiment.width or WIDTH), watch)

    return examine
