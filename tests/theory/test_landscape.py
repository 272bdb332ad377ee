"""Which orientations collect neurons, in each regime, against direct computations."""

import numpy as np
import pytest

from theory import Kind, TheoryError
from theory.landscape import collecting_orientations

RNG = np.random.default_rng(7)
X = RNG.standard_normal((30, 3))
Y = X @ [1.0, -0.5, 0.2] + 0.8 + 0.3 * RNG.standard_normal(30)
BIASED = np.column_stack([X, np.ones(30)])


def growing(found):
    return np.array([o.u for o in found.orientations if o.kind is Kind.ATTRACTOR])


def unit(v):
    return v / np.linalg.norm(v)


def test_offset_is_corrected_for_the_mean_and_naive_on_request():
    corrected = growing(collecting_orientations(X, Y, "sigmoid"))
    naive = growing(collecting_orientations(X, Y, "sigmoid", naive=True))
    assert abs(corrected[0] @ unit((Y - Y.mean()) @ BIASED)) == pytest.approx(1, abs=1e-14)
    assert abs(naive[0] @ unit(Y @ BIASED)) == pytest.approx(1, abs=1e-14)
    assert abs(corrected[0] @ naive[0]) < 0.95


def test_outputs_are_singular_vectors():
    targets = np.column_stack([np.sin(X[:, 0]), 0.5 * X[:, 1] + 0.1, X.sum(axis=1)])
    found = collecting_orientations(X, targets, "tanh")
    right = np.linalg.svd(targets.T @ BIASED)[2]
    assert len(growing(found)) == 2
    assert abs(growing(found)[0] @ right[0]) == pytest.approx(1, abs=1e-12)
    listed = np.array([o.u for o in found.orientations])
    assert np.allclose(np.max(np.abs(listed @ right.T), axis=0), 1, atol=1e-10)
    assert all(o.neuron_sign is None for o in found.orientations)


def test_labels_for_cross_entropy():
    labels = (X[:, 0] > 0).astype(float) + (X[:, 1] > 1)
    found = collecting_orientations(X, labels, "tanh", loss_function="cross-entropy")
    signal = np.eye(3)[labels.astype(int)] - 1 / 3
    assert abs(growing(found)[0] @ np.linalg.svd(signal.T @ BIASED)[2][0]) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("optimizer", ["sign", "adam"])
def test_coordinatewise_optimisers_go_to_the_cube(optimizer):
    found = collecting_orientations(X, Y, "tanh", optimizer=optimizer)
    assert abs(growing(found)[0] @ unit(np.sign(Y @ BIASED))) == pytest.approx(1, abs=1e-14)


def test_relu_has_growing_maxima_of_its_own_landscape():
    found = collecting_orientations(X[:8], Y[:8], "relu")
    assert len(growing(found)) >= 1

    def height(u):
        return np.mean(Y[:8] * np.maximum(BIASED[:8] @ u, 0))

    for o in (o for o in found.orientations if o.kind is Kind.ATTRACTOR):
        u = np.array(o.u)
        sign = np.sign(height(u))
        around = [unit(u + 1e-4 * v) for v in RNG.standard_normal((200, 4))]
        assert all(sign * height(v) < sign * height(u) + 1e-12 for v in around)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"sigma": "sigmoid", "optimizer": "adam"}, "σ(0)"),
        ({"sigma": "relu", "optimizer": "sign"}, "kink"),
        ({"sigma": "x*tanh(x)", "y": np.column_stack([Y, Y])}, "several outputs"),
    ],
)
def test_what_is_not_derived_is_refused(options, says):
    with pytest.raises(TheoryError, match=says.replace("(", r"\(").replace(")", r"\)")):
        collecting_orientations(X, options.pop("y", Y), **options)
