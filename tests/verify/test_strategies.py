"""What the strategies generate is accepted, is what it says, and includes the corners."""

import doctest

import numpy as np
import pytest
import sympy
import torch
from hypothesis import find, given, settings
from hypothesis import strategies as st

import theory
from verify import strategies
from verify.bridge.digits import torch_activation
from verify.bridge.experiment import Experiment


def seen(strategy, predicate):
    """The simplest example with the property; fails where the strategy never shows one."""
    return find(strategy, predicate, settings=settings(database=None, max_examples=2000, derandomize=True))


def test_the_example_of_the_module():
    assert doctest.testmod(strategies).failed == 0


@given(strategies.activations())
def test_property_activations_have_the_expansion_they_say(known):
    act = theory.activation(known.text)
    assert act.is_smooth
    assert act.value_at_zero == 0
    assert act.multiplicity == known.multiplicity
    assert act.leading_coefficient == sympy.Rational(known.leading_coefficient)


@given(strategies.activations(multiplicity=3))
def test_property_activations_of_a_given_multiplicity_compile_for_training(known):
    assert known.multiplicity == 3
    assert torch_activation(theory.activation(known.text)).name == known.text.strip()


@given(strategies.catalogue_names())
def test_property_catalogue_names_are_readable_in_both_rooms(name):
    value = torch_activation(theory.activation(name)).value(torch.tensor([0.25], dtype=torch.float64))
    assert float(value) == pytest.approx(
        float(theory.activation(name).evaluate(np.array([0.25]))[0]), rel=1e-12
    )


@given(strategies.catalogue_names(smooth=True, zero_at_zero=False))
def test_property_catalogue_names_by_kind(name):
    act = theory.activation(name)
    assert act.is_smooth
    assert act.value_at_zero != 0


@given(strategies.datasets(samples=5, inputs=(1, 2), numbers="integers", degenerate=False, largest=3))
def test_property_datasets_keep_to_what_was_asked(data):
    assert data.x.shape[0] == 5
    assert data.x.shape[1] in (1, 2)
    assert np.all(data.x == np.round(data.x))
    assert np.abs(data.x).max() <= 3


def test_datasets_show_their_corners():
    both = strategies.datasets()
    assert seen(both, lambda d: len(np.unique(d.x, axis=0)) < len(d.x))
    assert seen(both, lambda d: d.x.shape[1] > 1 and np.linalg.matrix_rank(d.x) == 1 and len(d.x) > 2)
    assert seen(both, lambda d: np.ptp(d.x[:, 0]) == 0 and len(d.x) > 2)
    assert seen(both, lambda d: np.count_nonzero(d.y) == 1 and len(d.x) > 3)
    assert seen(both, lambda d: np.any(d.x != np.round(d.x)))


@given(st.data(), st.integers(1, 4), st.integers(1, 2), st.booleans())
def test_property_vanishing_moments_vanish(data, order, inputs, round_too):
    drawn = data.draw(strategies.vanishing_moments(order, inputs=inputs, round_too=round_too))
    full = np.column_stack([drawn.x, np.ones(len(drawn.x))])
    assert np.any(drawn.y != drawn.y[0])
    assert len(np.unique(drawn.x, axis=0)) == len(drawn.x)
    tensor = theory.MomentTensor.from_data(full, drawn.y, order)
    if round_too and order % 2 == 0:
        u = np.random.default_rng(0).standard_normal((20, inputs + 1))
        values = tensor.value(u / np.linalg.norm(u, axis=1, keepdims=True))
        assert np.ptp(values) <= 1e-10 * max(1.0, np.abs(values).max())
    else:
        assert tensor.is_zero
    # One target changed by one is noticed.
    assert not theory.MomentTensor.from_data(full, drawn.y + np.eye(len(drawn.y))[0], order).is_zero


def test_vanishing_moments_of_even_order_can_be_round():
    def is_round(drawn):
        full = np.column_stack([drawn.x, np.ones(len(drawn.x))])
        return not theory.MomentTensor.from_data(full, drawn.y, 2).is_zero

    assert len(seen(strategies.vanishing_moments(2, round_too=True), is_round).y) == 3


@given(strategies.initialisations(width=3, dimension=2, scale=1e-3))
def test_property_initialisations_have_shape_and_scale(start):
    assert start.a.shape == (3,)
    assert start.w.shape == (3, 2)
    assert np.abs(start.w).max() < 1e-2


def test_initialisations_show_their_corners():
    every = strategies.initialisations(width=2, dimension=2)
    assert seen(every, lambda s: not s.w[0].any())
    assert seen(every, lambda s: np.array_equal(s.w[0], s.w[1]))
    assert seen(every, lambda s: np.array_equal(s.w[0], -s.w[1]) and s.w.any())
    assert seen(every, lambda s: np.allclose(np.abs(s.a), np.linalg.norm(s.w, axis=1)) and s.w.all())


@given(strategies.experiments())
def test_property_experiments_are_accepted_and_described(experiment):
    assert isinstance(experiment, Experiment)
    assert len(experiment.spawn()) == experiment.seeds
    theory.activation(experiment.activation)
    theory.loss(experiment.loss).signal(experiment.dataset.y)
    assert experiment.to_json()["width"] == experiment.width


def test_simplest_draws_are_simple():
    assert seen(strategies.activations(multiplicity=3), lambda known: True).text == "x**3"
    assert seen(strategies.experiments(), lambda e: True).loss == "half-mse"
