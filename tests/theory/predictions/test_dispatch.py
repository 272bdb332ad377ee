"""Which orientations collect neurons, in each regime, against direct computations."""

from importlib.util import find_spec

import numpy as np
import pytest

import verify
from tests.predicted import predicted
from theory import Kind, Prediction, TheoryError, derive, predict, predictions
from theory.predictions.offset import OffsetPrediction

RNG = np.random.default_rng(7)
X = RNG.standard_normal((30, 3))
Y = X @ [1.0, -0.5, 0.2] + 0.8 + 0.3 * RNG.standard_normal(30)
BIASED = np.column_stack([X, np.ones(30)])


def growing(found):
    return np.array([o.u for o in found.orientations if o.kind is Kind.ATTRACTOR])


def unit(v):
    return v / np.linalg.norm(v)


def test_offset_is_corrected_for_the_mean_and_naive_on_request():
    corrected = growing(predict(X, Y, "sigmoid").orientations)
    naive = growing(predicted(OffsetPrediction, X, Y, "sigmoid").naive_orientations)
    assert abs(corrected[0] @ unit((Y - Y.mean()) @ BIASED)) == pytest.approx(1, abs=1e-14)
    assert abs(naive[0] @ unit(Y @ BIASED)) == pytest.approx(1, abs=1e-14)
    assert abs(corrected[0] @ naive[0]) < 0.95


def test_outputs_are_singular_vectors():
    targets = np.column_stack([np.sin(X[:, 0]), 0.5 * X[:, 1] + 0.1, X.sum(axis=1)])
    found = predict(X, targets, "tanh").orientations
    right = np.linalg.svd(targets.T @ BIASED)[2]
    assert len(growing(found)) == 2
    assert abs(growing(found)[0] @ right[0]) == pytest.approx(1, abs=1e-12)
    listed = np.array([o.u for o in found.orientations])
    assert np.allclose(np.max(np.abs(listed @ right.T), axis=0), 1, atol=1e-10)
    assert all(o.neuron_sign is None for o in found.orientations)


def ascended(x, y, power, starts, seed):
    """Distinct ends of projected gradient ascent of F(u) = Σ_k mean(y_k (u·x)^p)² over the unit sphere, u and -u apart."""
    u = np.random.default_rng(seed).standard_normal((starts, x.shape[1]))
    u /= np.linalg.norm(u, axis=1, keepdims=True)

    def height(u):
        return np.sum(((u @ x.T) ** power @ y / len(x)) ** 2, axis=1)

    step = np.full((starts, 1), 1.0)
    for _ in range(3000):
        z = u @ x.T
        slope = 2 * power * np.einsum("sk,nk,sn,nd->sd", z**power @ y, y, z ** (power - 1), x) / len(x) ** 2
        slope -= np.sum(slope * u, axis=1, keepdims=True) * u
        new = u + step * slope
        new /= np.linalg.norm(new, axis=1, keepdims=True)
        better = (height(new) >= height(u))[:, None]
        u, step = np.where(better, new, u), np.where(better, 1.5 * step, 0.5 * step)
    ends = []
    for v in u:
        if not any(np.linalg.norm(v - e) < 1e-4 for e in ends):
            ends.append(v)
    return np.array(ends), height(np.array(ends))


@pytest.mark.parametrize(
    ("sigma", "power", "outputs", "dimension"),
    [("xtanh", 2, 2, 2), ("xtanh", 2, 3, 3), ("x2tanh", 3, 2, 2), ("x2tanh", 3, 3, 3), ("xtanh", 2, 2, 4)],
)
def test_several_outputs_of_higher_multiplicity_grow_at_the_maxima_of_the_squared_sum(
    sigma, power, outputs, dimension
):
    rng = np.random.default_rng(10 * power + outputs + dimension)
    inputs, targets = rng.standard_normal((25, dimension - 1)), rng.standard_normal((25, outputs))
    found = predict(inputs, targets, sigma).orientations
    ends, heights = ascended(np.column_stack([inputs, np.ones(25)]), targets, power, 300, seed=dimension)
    attractors = growing(found)
    assert len(attractors) == len(ends)
    assert np.allclose(np.max(attractors @ ends.T, axis=0), 1, atol=1e-8)
    values = {round(o.value, 9) for o in found.attractors}
    assert values == {round(h, 9) for h in np.sqrt(heights).tolist()}
    assert all(o.certified and o.neuron_sign == 1 for o in found.attractors)
    assert (found.multiplicity, found.bound_2p, found.dimension) == (power, 2 * power, dimension)
    # T(u) = 0 is a complex continuum for K < D - 1, which no list holds.
    assert found.complete is (outputs >= dimension - 1)
    assert not found.dying
    assert "critical points of F" in found.notes[0]


def test_vanishing_moments_of_several_outputs_hand_over_to_the_next_order():
    """XOR and three times itself: T_1 = 0, so that silu is driven by its z²; tanh has none up to order 2."""
    x = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    y = np.column_stack([x[:, 0] * x[:, 1], 3 * x[:, 0] * x[:, 1]])
    found = predict(x, y, "silu").orientations  # z/2 + z²/4 - ...
    assert found.multiplicity == 2
    assert any("order 2 drives the flow" in note for note in found.notes)
    corners = growing(found)
    assert len(corners) == 4
    assert np.allclose(np.abs(corners[:, :2]), np.sqrt(0.5), atol=1e-12)
    with pytest.raises(TheoryError, match="vanish on these data"):
        _ = predict(x, y, "tanh").orientations


def test_labels_for_cross_entropy():
    labels = (X[:, 0] > 0).astype(float) + (X[:, 1] > 1)
    found = predict(X, labels, "tanh", loss_function="cross-entropy").orientations
    signal = np.eye(3)[labels.astype(int)] - 1 / 3
    assert abs(growing(found)[0] @ np.linalg.svd(signal.T @ BIASED)[2][0]) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("optimizer", ["sign", "adam"])
def test_coordinatewise_optimisers_go_to_the_cube(optimizer):
    found = predict(X, Y, "tanh", optimizer=optimizer).orientations
    assert abs(growing(found)[0] @ unit(np.sign(Y @ BIASED))) == pytest.approx(1, abs=1e-14)


def test_relu_has_growing_maxima_of_its_own_landscape():
    found = predict(X[:8], Y[:8], "relu").orientations
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
        ({"sigma": "relu", "y": np.column_stack([Y, Y])}, "2 outputs"),
        ({"sigma": "xtanh", "y": np.column_stack([Y, Y]), "optimizer": "sign"}, "several outputs|2 outputs"),
        ({"sigma": "relu", "y": 0 * Y}, "is 0 at zero output for every sample"),
        ({"sigma": "xtanh", "y": np.zeros((30, 2))}, "is 0 at zero output for every sample"),
    ],
)
def test_what_is_not_derived_is_refused(options, says):
    with pytest.raises(TheoryError, match=says.replace("(", r"\(").replace(")", r"\)")):
        _ = predict(X, options.pop("y", Y), **options).orientations


class Oscillating(Prediction):
    """A regime that has nothing but its name and what it covers."""

    regime = "oscillating"

    @classmethod
    def covers(cls, network, several_outputs, optimizer):
        return network.layers[0].text == "sin"


def test_a_regime_with_nothing_but_its_name_refuses_every_question_in_one_line(monkeypatch):
    monkeypatch.setattr(predictions, "REGIMES", (Oscillating, *predictions.REGIMES))
    found = predict(X, Y, "sin")
    assert found.regime == "oscillating"
    a, w = np.ones((1, 2)), np.ones((1, 2, 4))
    questions = [
        lambda: found.orientations, lambda: found.order, lambda: found.system, lambda: found.field,
        lambda: found.expect(a, w), lambda: found.horizon(a, w), lambda: derive(found.problem.network),
    ]  # fmt: skip
    for ask in questions:
        with pytest.raises(TheoryError) as refusal:
            ask()
        assert "accepted: " in str(refusal.value)
        assert "\n" not in str(refusal.value)
    assert predict(X, Y, "tanh").regime == "smooth"


def test_verify_refuses_a_regime_without_a_folder(monkeypatch, tmp_path):
    monkeypatch.setattr(predictions, "REGIMES", (Oscillating, *predictions.REGIMES))
    with pytest.raises(
        TheoryError, match=r"σ = sin: what training is compared with is not derived; accepted: "
    ):
        verify.run(verify.Experiment(data="line", activation="sin", seeds=2), out=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_every_regime_but_deep_has_its_folder_in_verify():
    without = {
        each.regime for each in predictions.REGIMES if find_spec(f"verify.regimes.{each.regime}") is None
    }
    assert without == {"deep"}
