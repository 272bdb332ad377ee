"""K outputs: the derived system, its closed form and its orientations against torch, the full flow and random ascents."""

from dataclasses import replace

import numpy as np
import pytest
import sympy

from tests.theory.witnesses.leading_order import flow_slope, gradient_slope, integrated
from theory import Kind, TheoryError, activation, find_orientations, loss
from theory.fields.one_sided import OneSidedField
from theory.fields.outputs import LinearOutputs, OutputsField, output_tensors
from theory.orientations.outputs import output_orientations, singular_pairs, squared_form
from theory.systems.outputs import outputs_system

RNG = np.random.default_rng(13)
K = 3
X = np.column_stack([RNG.standard_normal((24, 2)), np.ones(24)])
LABELS = RNG.integers(0, K, 24)
Y = RNG.standard_normal((24, K))
A, W = RNG.standard_normal((5, K)), RNG.standard_normal((5, 3))
EPSILONS = 10.0 ** -np.arange(1.0, 3.3, 0.25)


def start(seed):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((5, K)), rng.standard_normal((5, 3))


def signal(loss_name):
    return loss(loss_name).signal(LABELS if loss_name == "cross-entropy" else Y)


def field(name, loss_name="cross-entropy"):
    act, s = activation(name), signal(loss_name)
    return OutputsField.of(act, X, s) if act.is_smooth else OneSidedField.of(act, X, s)


def targets(loss_name):
    return LABELS if loss_name == "cross-entropy" else Y


@pytest.mark.parametrize("loss_name", ["cross-entropy", "half-mse", "mse"])
@pytest.mark.parametrize(
    ("name", "order"), [("tanh", 2), ("silu", 1), ("xtanh", 2), ("cube", 4), ("relu", 2)]
)
def test_field_against_automatic_differentiation(name, order, loss_name):
    p = activation(name).multiplicity
    assert outputs_system(activation(name)).order == order
    scales = (1e-1, 1e-2) if order > 2 else (1e-2, 1e-3)
    slope = gradient_slope(
        field(name, loss_name), name, X, targets(loss_name), A, W, 1 - p, loss=loss_name, epsilons=scales
    )
    assert abs(slope - order) < 0.1


@pytest.mark.parametrize(
    ("name", "loss_name", "order", "tau"),
    [("tanh", "cross-entropy", 2, 1.0), ("tanh", "half-mse", 2, 1.0), ("xtanh", "mse", 2, 0.1),
     ("square", "cross-entropy", 3, 0.3), ("relu", "cross-entropy", 2, 1.0)],
)  # fmt: skip
def test_full_flow_confirms_the_order(name, loss_name, order, tau):
    p = activation(name).multiplicity
    a, w = (A, W) if name != "relu" else start(4)  # from (A, W) a ReLU neuron slides along a kink
    slope = flow_slope(
        field(name, loss_name), name, X, targets(loss_name), a, w, tau=tau, time_exponent=1 - p,
        epsilons=EPSILONS, loss=loss_name, autonomous=True,
    )  # fmt: skip
    assert slope.resolved
    assert abs(slope.value - order) < 0.05


MUTANTS = {
    "c 1 % off": lambda f: replace(f, coefficient=1.01 * f.coefficient),
    "c of the wrong sign": lambda f: replace(f, coefficient=-f.coefficient),
    "outputs in another order": lambda f: replace(f, tensors=f.tensors[::-1]),
    "p one too high": lambda f: replace(f, tensors=output_tensors(X, signal("cross-entropy"), f.order + 1)),
    "onehot without 1/K": lambda f: replace(f, tensors=output_tensors(X, np.eye(K)[LABELS], f.order)),
    "one output left out": lambda f: replace(f, tensors=(f.tensors[0].scaled(0), *f.tensors[1:])),
}


@pytest.mark.parametrize("name", ["tanh", "xtanh"])
@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_mutants_lose_the_order(name, mutant):
    wrong, p = mutant(field(name)), activation(name).multiplicity
    arguments = {"loss": "cross-entropy", "epsilons": (1e-2, 1e-3)}
    assert gradient_slope(wrong, name, X, LABELS, A, W, 1 - p, **arguments) < 0.5
    slope = flow_slope(
        wrong, name, X, LABELS, A, W, tau=0.3, time_exponent=1 - p, epsilons=EPSILONS, loss="cross-entropy",
        autonomous=True,
    )  # fmt: skip
    assert slope.value < 0.5


@pytest.mark.parametrize("name", ["tanh", "xtanh", "cube"])
def test_invariants_and_potential(name):
    f, time = field(name), 0.05
    end = integrated(f, A, W, time)
    a, w = end[:15].reshape(5, K), end[15:].reshape(5, 3)
    assert np.allclose(f.invariant(a, w), f.invariant(A, W), rtol=0, atol=1e-10)
    assert np.all(f.potential(a, w) > f.potential(A, W))
    moved = np.max(np.abs((w @ w.T - a @ a.T) - (W @ W.T - A @ A.T)))
    # The invariant of every pair of neurons belongs to p = 1 alone.
    assert moved < 1e-10 if f.order == 1 else moved > 1e-4


def test_one_sided_field_of_a_smooth_form_is_the_same():
    act, s = activation("xtanh"), signal("half-mse")
    for one, other in zip(OneSidedField.of(act, X, s)(A, W), OutputsField.of(act, X, s)(A, W), strict=True):
        assert np.allclose(one, other, rtol=1e-12, atol=1e-13)


def test_closed_form_of_p1():
    f = field("tanh")
    linear = LinearOutputs.of(f)
    end = integrated(f, A, W, 3.0)
    a, w = linear.at(3.0, A, W)
    assert np.allclose(np.concatenate([a.ravel(), w.ravel()]), end, rtol=1e-9, atol=1e-10)
    far = linear.at(60.0 / (linear.rates[0] - linear.rates[1]), A, W)[1]
    u = far / np.linalg.norm(far, axis=1, keepdims=True)
    assert np.allclose(u, np.multiply.outer(linear.signs(A, W), linear.direction), atol=1e-9)


def test_alignment_exponent():
    """A neuron that starts at ε and has grown to r = 1 is off by ε^{1-σ₂/σ₁}: measured over two decades of ε."""
    linear = LinearOutputs.of(field("tanh", "half-mse"))
    angles = []
    for eps in (1e-8, 1e-10):
        low, high = 0.0, 100.0 / linear.rates[0]
        for _ in range(100):  # the time at which the first neuron has r = 1
            middle = 0.5 * (low + high)
            short = np.linalg.norm(linear.at(middle, eps * A[:1], eps * W[:1])[1]) < 1
            low, high = (middle, high) if short else (low, middle)
        w = linear.at(low, eps * A[:1], eps * W[:1])[1][0]
        angles.append(np.linalg.norm(w - (w @ linear.direction) * linear.direction))
    slope = np.log(angles[0] / angles[1]) / np.log(100.0)
    assert abs(slope - linear.alignment_exponent) < 0.01
    for wrong in (linear.rates[1] / linear.rates[0], 1.0, 0.5):
        assert abs(slope - wrong) > 0.05


def climb(tensors, c, starts, seed):
    """Ends of the flow itself: (a, w) normalised, by small steps up H on the sphere of (a, w), from random starts."""
    rng = np.random.default_rng(seed)
    f = OutputsField(tensors, c)
    a, w = rng.standard_normal((starts, len(tensors))), rng.standard_normal((starts, tensors[0].dimension))
    for _ in range(4000):
        size = np.sqrt(np.sum(a * a, axis=1) + np.sum(w * w, axis=1))[:, None]
        a, w = a / size, w / size
        a_dot, w_dot = f(a, w)
        a, w = a + 0.1 * a_dot, w + 0.1 * w_dot
    return a, w


@pytest.mark.parametrize(
    ("p", "dimension", "outputs"), [(1, 4, 3), (2, 3, 2), (2, 3, 3), (3, 2, 2), (2, 4, 2)]
)
def test_growing_orientations_are_where_neurons_go(p, dimension, outputs):
    """Random neurons under the flow of (a, w), which knows no F: all ends are listed, and all that is listed is met."""
    rng = np.random.default_rng([p, dimension, outputs])
    x, s = rng.standard_normal((40, dimension)), rng.standard_normal((40, outputs))
    tensors = output_tensors(x, s, p)
    found = output_orientations(x, s, p, bias=False)
    c = 1.0 / np.max(np.linalg.norm(OutputsField(tensors, 1.0).values(np.eye(dimension)), axis=1))
    a, w = climb(tensors, c, 400, 1)
    alive = np.linalg.norm(w, axis=1) > 1e-3
    a, w = a[alive], w[alive]
    u = w / np.linalg.norm(w, axis=1, keepdims=True)
    power = np.sum(a * OutputsField(tensors, c).values(u), axis=1)
    goals = np.array([o.u for o in found.attractors])
    near = np.linalg.norm(u[:, None] - goals[None], axis=2)
    settled = (power > 0) & (np.abs(np.linalg.norm(w, axis=1) ** 2 - p * np.sum(a * a, axis=1)) < 1e-6)
    assert np.sum(settled) > 0.75 * len(alive)
    assert np.max(np.min(near[settled], axis=1)) < 1e-3
    assert np.all(np.min(near[settled], axis=0) < 1e-3)
    values = OutputsField(tensors, 1.0).values(u[settled])
    assert np.allclose(
        a[settled] / np.linalg.norm(a[settled], axis=1)[:, None],
        values / np.linalg.norm(values, axis=1)[:, None], atol=1e-3,
    )  # fmt: skip


def test_squared_form_is_the_sum_of_squares():
    tensors = output_tensors(X, Y, 2)
    u = RNG.standard_normal((6, 3))
    by_hand = sum((np.mean(Y[:, k] * (u @ X.T) ** 2, axis=1)) ** 2 for k in range(K))
    assert np.allclose(squared_form(tensors).value(u), by_hand, rtol=1e-12)


def test_first_pair_of_singular_vectors():
    """p = 1: the attractors are ± the top right singular vector of mean(s xᵀ), as numpy has it."""
    s = np.asarray(signal("cross-entropy"))
    found = output_orientations(X, s, 1)
    m = s.astype(float).T @ X / len(X)
    _, sizes, right = np.linalg.svd(m)
    tops = np.array([o.u for o in found.attractors])
    assert len(tops) == 2
    assert np.allclose(np.abs(tops @ right[0]), 1.0, atol=1e-12)
    assert found.attractors[0].value == pytest.approx(sizes[0], rel=1e-12)
    assert found.attractors[0].certified
    assert all(o.neuron_sign == 1 for o in found.attractors)
    assert not found.dying


def test_equal_singular_values_are_a_continuum():
    x = np.vstack([np.eye(2), -np.eye(2)])
    s = np.vstack([np.eye(2), -np.eye(2)])
    found = output_orientations(x, s, 1, bias=False)
    assert not found.complete
    assert any("continu" in note for note in found.notes)


def test_one_output_is_left_to_the_tensor():
    single = output_orientations(X, Y[:, :1], 3)
    assert single.to_json() == find_orientations(output_tensors(X, Y[:, :1], 3)[0]).to_json()


@pytest.mark.parametrize("shape", [(2, 3, 2), (2, 4, 2), (3, 4, 2), (2, 5, 3), (1, 4, 2), (2, 3, 3)])
def test_number_of_singular_pairs(shape):
    """Against the generating function itself, expanded by SymPy."""
    p, dimension, outputs = shape
    g, h = sympy.symbols("g h")
    first, second = (p - 1) * g + h, p * g
    product = sympy.expand(
        sum(first**i * g ** (dimension - 1 - i) for i in range(dimension))
        * sum(second**j * h ** (outputs - 1 - j) for j in range(outputs))
    )
    assert singular_pairs(p, dimension, outputs) == product.coeff(g, dimension - 1).coeff(h, outputs - 1)


def test_dependent_outputs_are_counted_by_their_rank():
    """Cross-entropy's signals add up to 0: four classes have the singular pairs of three outputs."""
    rng = np.random.default_rng(6)
    x = np.column_stack([rng.standard_normal((40, 4)), np.ones(40)])
    s = loss("cross-entropy").signal(np.arange(40) % 4)
    found = output_orientations(x, s, 2)
    assert found.lines_found == found.lines_expected == singular_pairs(2, 5, 3) != singular_pairs(2, 5, 4)
    assert any("as many as there are singular pairs" in note for note in found.notes)
    nothing = output_orientations(x, np.zeros((40, 2)), 2)
    assert not any("singular pairs" in note for note in nothing.notes)


def test_outputs_of_rank_one_are_one_output():
    """T_k = λ_k T: a·λ takes the place of a, dying orientations are isolated again, and the flow itself dies there."""
    rng = np.random.default_rng(8)
    x, s, mix = rng.standard_normal((30, 3)), rng.uniform(0.5, 1.5, 30), np.array([0.0, 2.0, -1.0])
    found, single = (
        output_orientations(x, np.outer(s, mix), 2),
        find_orientations(output_tensors(x, s[:, None], 2)[0]),
    )
    assert (found.complete, found.lines_found, found.lines_expected) == (True, 3, 3)
    for one, other in zip(found.orientations, single.orientations, strict=True):
        assert (one.kind, one.certified) == (other.kind, True)
        assert abs(np.dot(one.u, other.u)) == pytest.approx(1, abs=1e-12)
        assert one.value == pytest.approx(abs(other.value) * np.sqrt(5), rel=1e-12)
    assert {o.neuron_sign for o in found.attractors} == {1}
    assert {o.neuron_sign for o in found.dying} == {-1}
    f = OutputsField(output_tensors(x, np.outer(s, mix), 2), 1.0)
    a, w = np.array([[0.3, -2.0, 1.0]]), 0.2 * rng.standard_normal((1, 3))  # a·T(w) < 0, ‖a‖ large: it dies
    dying = np.array([o.u for o in found.dying])
    ends = [integrated(f, a, w, time)[3:] for time in (1.0, 2.0)]
    sizes = [np.linalg.norm(end) for end in ends]
    off = [1 - np.max(dying @ end) / size for end, size in zip(ends, sizes, strict=True)]
    # Both fall exponentially, p = 2: another unit of time does to them what the first did.
    assert sizes[1] < 1e-3 * sizes[0]
    assert off[1] < 0.02 * off[0] < 1e-3


def test_orientations_without_a_value_are_said_to_depend_on_the_output_weights():
    """T_1 ∝ u₁u₂ and T_2 ∝ u₂² share the zero u = (1, 0)."""
    x, s = np.array([[1.0, 1.0], [1.0, -1.0], [0.0, 1.0]]), np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])
    found = output_orientations(x, s, 2, bias=False)
    assert any(o.value == 0 and abs(o.u[0]) == 1 for o in found.orientations)
    assert any(note.startswith("value 0: T(u) = 0") for note in found.notes)


def test_few_outputs_are_counted_by_singular_pairs():
    """K < D - 1: zeros of T are a continuum, and the certified lines are as many as the singular pairs."""
    rng = np.random.default_rng(2)
    found = output_orientations(rng.standard_normal((40, 4)), rng.standard_normal((40, 2)), 2, bias=False)
    assert found.lines_found == found.lines_expected == singular_pairs(2, 4, 2) == 16
    assert not found.complete
    assert any("no isolated orientation" in note for note in found.notes)
    assert {o.kind for o in found.orientations if o.certified} <= {Kind.ATTRACTOR, Kind.SADDLE}


def test_equations_as_text():
    text = outputs_system(activation("x**2*tanh(x)")).text()
    assert "da[k]/dt = mean(z**3*s[k])" in text
    assert "dw/dt = Sum(3*mean(x*z**2*s[k])*a[k], (k, 1, K))" in text
    assert "K_j = r**2 - 3*Sum(a[k]**2, (k, 1, K))" in text
    assert "K_ij = w[i]*w[j] - Sum(a[i, k]*a[j, k], (k, 1, K))" in outputs_system(activation("tanh")).text()


def test_refusals():
    with pytest.raises(TheoryError, match="σ\\(0\\)"):
        outputs_system(activation("sigmoid"))
    with pytest.raises(TheoryError, match="two sides"):
        OutputsField.of(activation("relu"), X, Y)
    with pytest.raises(TheoryError, match="order 1"):
        LinearOutputs.of(field("xtanh"))
    with pytest.raises(TheoryError, match="too large"):
        output_orientations(RNG.standard_normal((30, 40)), RNG.standard_normal((30, 2)), 3)
    with pytest.raises(TheoryError, match="accepted: \\(n, K\\)"):
        output_orientations(X, Y[:, 0], 1)
