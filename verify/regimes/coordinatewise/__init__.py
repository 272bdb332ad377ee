"""Sign descent and Adam on smooth activations."""

from theory import Optimizer
from theory.predictions.coordinatewise import CoordinatewisePrediction
from verify.regimes.common.count import agreement, bound_2p
from verify.regimes.common.regime import Regime, Rule, Scope
from verify.regimes.coordinatewise.checks import (
    cube_angle,
    gradient_flow_orientation,
    horizon_steps,
    number_of_orientations,
    own_training,
    scale_law,
    sign_orientation,
    sign_side,
)
from verify.regimes.coordinatewise.figures import coordinatewise_arrays, coordinatewise_drawings
from verify.regimes.coordinatewise.gather import CoordinatewiseEvidence, gather


def _not_derived(evidence: CoordinatewiseEvidence) -> str | None:
    if evidence.driving_order == 1 or evidence.prediction.problem.optimizer is not Optimizer.ADAM:
        return None
    return (
        "measured, not asserted: for p ≥ 2 the gradients change by orders of magnitude within Adam's memory, and nothing "
        "is derived of where it goes; --optimizer sign, or an activation with p = 1, would be conclusive"
    )


DERIVED: Scope[CoordinatewiseEvidence] = Scope("sign descent, and Adam for p = 1", _not_derived)

REGIME: Regime[CoordinatewisePrediction, CoordinatewiseEvidence] = Regime(
    gather=gather,
    rules=(
        Rule(agreement),
        Rule(sign_side, DERIVED),
        Rule(sign_orientation, DERIVED),
        Rule(cube_angle, DERIVED),
        Rule(own_training, DERIVED),
        Rule(number_of_orientations, DERIVED),
        Rule(horizon_steps, DERIVED),
        Rule(scale_law, DERIVED),
        Rule(gradient_flow_orientation),
        Rule(bound_2p),
    ),
    arrays=coordinatewise_arrays,
    drawings=coordinatewise_drawings,
    notes=lambda evidence: (*evidence.prediction.notes, *evidence.orientations.notes),
)
