"""Shapes in public signatures are checked while tests run; each check here fails where the hook is gone."""

from dataclasses import fields, replace
from typing import get_type_hints

import numpy as np
import pytest
from jaxtyping import TypeCheckError

import numerics
import theory
from numerics.measure import Clusters
from numerics.training.runs import Start, train_neurons
from numerics.training.stopping import Steps
from tests import shapes
from theory.forms.vectors import nearest, unit

pytestmark = pytest.mark.skipif(not shapes.ENFORCED, reason="CONDENSE_SHAPES=0")

N, M, D = 6, 4, 2
RNG = np.random.default_rng(5)
X, Y = np.column_stack([RNG.standard_normal(N), np.ones(N)]), RNG.standard_normal(N)
A, W = 0.01 * RNG.standard_normal(M), 0.01 * RNG.standard_normal((M, D))
FIELD = theory.SmoothField(theory.MomentTensor.from_data(X, Y, 2), 1.0)
FLOW = theory.LinearFlow(np.array([3.0, 4.0]), -2.0)
PREDICTION = theory.predict(theory.Problem.of(X[:, 0], Y, "tanh"))
LINEAR = {"fraction": 0.01, "risk": 0.5, "curvature": 1.0}


def _full():
    return numerics.gradient_flow(
        np.tanh, lambda z: 1 / np.cosh(z) ** 2, X, Y, A, W, epsilons=[1e-3], multiplicity=1, tau=[0.1, 0.2]
    )


def _trained():
    start = Start.draw(numerics.Network(1, M), 0.01, [1, 2, 3])
    return start, train_neurons(start, X[:, :1], Y, lr=0.1, stop=Steps(3))


ONE_TOO_MANY = {
    "destinations": lambda: theory.destinations(FIELD, A[1:], W),
    "neurons_at, neurons": lambda: theory.neurons_at(FIELD, A[1:], W, 0.1),
    "neurons_at, times": lambda: theory.neurons_at(FIELD, A, W, np.ones((1, M + 1))),
    "LinearFlow.at": lambda: FLOW.at(0.1, A[1:], W),
    "LinearFlow.angles": lambda: FLOW.angles(0.1, A[:1], W),
    "LinearFlow.signs": lambda: FLOW.signs(A[:1], W),
    "linear_horizon": lambda: theory.linear_horizon(FLOW, A[:1], W, X, **LINEAR),
    "blow_up_horizon": lambda: theory.blow_up_horizon(FIELD, A, W, X, Y[:1], next_term=None, **LINEAR),
    "Prediction.horizon": lambda: PREDICTION.horizon(A, W, fraction=0.01),
    "Problem": lambda: replace(PREDICTION.problem, y=Y[1:]),
    "nearest": lambda: nearest(unit(W), np.eye(3), 0.1),
    "Clusters": lambda: Clusters(np.zeros(3, int), np.eye(2), np.ones(1, int), np.ones(1)),
}


@pytest.mark.parametrize("name", ONE_TOO_MANY)
def test_a_wrong_shape_is_caught(name):
    """Most of these would broadcast and give numbers."""
    with pytest.raises(TypeCheckError):
        ONE_TOO_MANY[name]()


def test_a_wrong_dtype_is_caught():
    with pytest.raises(TypeCheckError):
        theory.Destinations(np.eye(2, dtype=np.float32), np.zeros(2, object), np.zeros(2))


def _expected():
    return PREDICTION.expect(A[None], W[None], fraction=0.001)


RESULTS = {
    "Destinations": lambda: theory.destinations(FIELD, A, W),
    "Neurons": lambda: theory.neurons_at(FIELD, A, W, np.array([0.1, 0.2])),
    "Expected": _expected,
    "Trained": lambda: _trained()[1],
    "LeadingFlowResult": lambda: numerics.leading_flow(numerics.moments(X, Y, 1), A, W, times=[0.1, 0.2]),
    "FullFlowResult": _full,
    "Clusters": lambda: numerics.clusters(W, minimum=1),
    "Match": lambda: numerics.match(W, np.eye(2)),
}


@pytest.mark.parametrize("name", RESULTS)
def test_every_field_of_a_result_holds_to_its_shape(name):
    """A field with an axis that no field has is caught, whichever it is."""
    found = RESULTS[name]()
    assert type(found).__name__ == name
    for each in fields(found):
        if shapes.names_a_shape(get_type_hints(type(found))[each.name]):
            with pytest.raises(TypeCheckError):
                replace(found, **{each.name: getattr(found, each.name)[None, None, None]})
