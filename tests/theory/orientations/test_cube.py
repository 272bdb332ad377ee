"""Sign descent, p >= 2: its own simulation, two methods against each other, symmetries of the cube, mutants."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.theory.mutants.mutated import mutated
from theory.errors import TheoryError
from theory.fields import SmoothField
from theory.forms.moment_tensor import MomentTensor
from theory.orientations import cube as cube_adam
from theory.orientations.cube import AdamReason, adam_follows, sign_descent_orientations
from theory.orientations.cube import (
    boxes as cube_boxes,
)
from theory.orientations.cube import (
    certify as cube_certify,
)
from theory.orientations.cube import (
    quadratic as cube_quadratic,
)
from theory.orientations.cube.certify import orientation_of
from theory.orientations.cube.quadratic import symmetric_matrix


def data(p, dimension, n=20, seed=0):
    rng = np.random.default_rng([p, dimension, seed])
    x = rng.normal(size=(n, dimension))
    x[:, -1] = 1.0
    return x, rng.normal(size=n)


def sign_descent(x, s, p, a, w, lr=2e-3, steps=8000):
    """a' = sign(P), w' = sign(a T w^{p-1}) from the data, in the relative step lr of (a, w)/t; c = 1."""
    size = np.maximum(np.abs(a), np.abs(w).max(axis=1))
    a, w = a / size, w / size[:, None]
    for k in range(steps):
        step = lr * min(1.0, 2 * (1 - k / steps) + 1e-2)
        dots = w @ x.T
        a, w = (
            a + step * (np.sign((s * dots**p).sum(axis=1)) - a),
            w + step * (np.sign(a[:, None] * ((s * dots ** (p - 1)) @ x)) - w),
        )
    return a, w


def check_simulation(result, x, s, p, neurons=120):
    rng = np.random.default_rng(1)
    a, w = sign_descent(x, s, p, rng.standard_normal(neurons), rng.standard_normal((neurons, x.shape[1])))
    u = w / np.linalg.norm(w, axis=1, keepdims=True)
    listed = np.array([o.u for o in result.orientations])
    signs = np.array([o.neuron_sign for o in result.orientations])
    gap = np.linalg.norm(u[:, None] - listed[None], axis=2)
    # Chatter of the relative step 2e-3; the distance to go after 8000 steps is e^-8 of the cube at most.
    assert gap.min(axis=1).max() < 0.05
    assert np.all(signs[gap.argmin(axis=1)] == np.sign(a))


@pytest.mark.parametrize(("p", "dimension"), [(2, 3), (2, 5), (3, 2), (3, 3), (4, 3), (5, 3), (3, 4)])
def test_every_simulated_limit_is_listed(p, dimension):
    x, s = data(p, dimension)
    result = sign_descent_orientations(MomentTensor.from_data(x, s, p))
    assert result.complete
    assert all(o.certified and o.radius < 1e-15 and o.kind.value == "attractor" for o in result.orientations)
    for o in result.orientations:
        assert o.value == pytest.approx(np.mean(s * (x @ np.array(o.u)) ** p), rel=1e-11)
    check_simulation(result, x, s, p)


def climb(x, s, p, sign, starts=300, steps=1500):
    """Ends of projected gradient ascent of sign·P on the cube, from the data."""
    rng = np.random.default_rng(2)
    v = rng.uniform(-1, 1, (starts, x.shape[1]))
    rate = 1 / np.mean(np.abs(s) * np.abs(x).sum(axis=1) ** p)
    for _ in range(steps):
        before = v
        v = np.clip(v + rate * sign * ((s * (v @ x.T) ** (p - 1)) @ x) / len(s), -1, 1)
    return v[np.abs(v - before).max(axis=1) < 1e-12]  # those that have arrived


def maxima_of(boxes, tensor, sign):
    tally = boxes.box_maxima(tensor, sign, 1_000_000)
    assert (tally.open, tally.given_up) == (0, 0)
    return tally.points


def check_maxima(points, x, s, p, sign):
    ends = climb(x, s, p, sign)
    assert len(ends) > 50
    ends = ends[sign * np.mean(s * (ends @ x.T) ** p, axis=1) > 1e-4]
    listed = np.array([[float(c.mid()) for c in q.v] for q in points]).reshape(-1, x.shape[1])
    both = np.concatenate([listed, -listed]) if p % 2 == 0 else listed
    gap = np.abs(ends[:, None] - both[None]).max(axis=2)
    assert gap.min(axis=1, initial=3.0).max() < 1e-2
    rng = np.random.default_rng(3)
    for v in listed:
        near = np.clip(v + 1e-3 * rng.uniform(-1, 1, (200, len(v))), -1, 1)
        near = near[np.abs(near - v).max(axis=1) > 1e-5]
        value = sign * np.mean(s * (near @ x.T) ** p, axis=1)
        assert np.all(value < sign * np.mean(s * (x @ v) ** p))


@pytest.mark.parametrize(("p", "dimension"), [(3, 3), (4, 3), (5, 2)])
def test_boxes_against_projected_ascent(p, dimension):
    for seed in range(2):
        x, s = data(p, dimension, seed=seed)
        for sign in (1, -1):
            check_maxima(maxima_of(cube_boxes, MomentTensor.from_data(x, s, p), sign), x, s, p, sign)


def quadratic_against_boxes(module, dimension, seed):
    x, s = data(2, dimension, seed=seed)
    tensor = MomentTensor.from_data(x, s, 2)
    for sign in (1, -1):
        mine, undecided = module.quadratic_maxima(symmetric_matrix(tensor), sign)
        theirs = [orientation_of(tensor, q, sign) for q in maxima_of(cube_boxes, tensor, sign)]
        assert not undecided
        assert len(mine) == len(theirs)
        for o in mine:
            gap = [min(np.linalg.norm(np.array(o.u) - t * np.array(q.u)) for t in (1, -1)) for q in theirs]
            k = int(np.argmin(gap))
            assert gap[k] < 1e-14
            assert (o.value, o.neuron_sign) == (pytest.approx(theirs[k].value, rel=1e-13), sign)


@pytest.mark.parametrize("seed", range(4))
def test_quadratic_two_methods(seed):
    quadratic_against_boxes(cube_quadratic, 4, seed)


def test_2p_is_no_bound_for_p_2():
    x, s = data(2, 3)
    counts = [
        len(sign_descent_orientations(MomentTensor.from_data(*data(2, 3, seed=k), 2)).attractors)
        for k in range(20)
    ]
    assert max(counts) > 4


def test_xor_cubes():
    x = np.array([[a, b, 1.0] for a in (-1, 1) for b in (-1, 1)])
    result = sign_descent_orientations(MomentTensor.from_data(x, x[:, 0] * x[:, 1], 3))
    assert result.complete
    assert len(result.attractors) == 8
    assert {tuple(np.sign(o.u)) for o in result.attractors} == {
        (a, b, c) for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)
    }


def test_definite_forms_have_dead_neurons_and_absent_coordinates_vanish():
    square = MomentTensor.from_coefficients([[2, 0, 0], [0, 2, 0]], [1, 2], 2, 3)
    result = sign_descent_orientations(square)
    assert {tuple(np.round(np.array(o.u) * 2**0.5)) for o in result.orientations} == {
        (a, b, 0.0) for a in (-1, 1) for b in (-1, 1)
    }
    assert "coordinates 2" in result.notes[0]
    assert "positive definite" in result.notes[1]
    # Simulated: a < 0 with a P < 0 and K such that w dies first.
    x, s = np.eye(2), np.array([2.0, 4.0])
    a, w = np.array([-5.0]), np.array([[0.3, 0.2]])
    for _ in range(2000):
        dots = w @ x.T
        a, w = a + 1e-3 * np.sign((s * dots**2).sum(1)), w + 1e-3 * np.sign(a[:, None] * ((s * dots) @ x))
    assert np.abs(w).max() < 2e-3
    assert a[0] < 0


def test_degenerate_and_zero():
    flat = sign_descent_orientations(MomentTensor.from_coefficients([[1, 1]], [0], 2, 2))
    assert (flat.complete, flat.orientations) == (False, ())
    # P = v1²: v2 is absent.  P = v1² - v2²: gradient entry 0 at v2 = 0 slides.
    saddle = sign_descent_orientations(MomentTensor.from_coefficients([[2, 0], [0, 2]], [1, -1], 2, 2))
    assert {o.u for o in saddle.orientations} == {(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)}
    assert {o.neuron_sign for o in saddle.orientations} == {1, -1}


def test_search_above_the_budget():
    for p, dimension in ((2, 5), (3, 4), (4, 3)):
        tensor = MomentTensor.from_data(*data(p, dimension), p)
        whole, part = sign_descent_orientations(tensor), sign_descent_orientations(tensor, max_faces=1)
        assert not part.complete
        assert "random starts" in part.notes[0]
        assert len(part.orientations) > 0.6 * len(whole.orientations)
        points = np.array([o.u for o in whole.orientations])
        for o in part.orientations:
            assert np.linalg.norm(points - np.array(o.u), axis=1).min() < 1e-14


@st.composite
def problems(draw):
    p, dimension = draw(st.sampled_from([(1, 3), (2, 3), (3, 2), (3, 3), (4, 2)]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return p, rng.normal(size=(8, dimension)), rng.normal(size=8)


@given(problems(), st.permutations(range(3)), st.integers(0, 7), st.sampled_from([3.0, -0.125]))
def test_property_symmetries_of_the_cube(problem, order, flips, factor):
    p, x, s = problem
    order = [k for k in order if k < x.shape[1]]
    signs = np.array([1.0 if flips >> k & 1 else -1.0 for k in range(x.shape[1])])
    one = sign_descent_orientations(MomentTensor.from_data(x, s, p))
    other = sign_descent_orientations(MomentTensor.from_data(x[::-1][:, order] * signs, factor * s[::-1], p))
    assert one.complete == other.complete
    assert len(one.orientations) == len(other.orientations)
    for o in one.orientations:
        moved = np.array(o.u)[order] * signs
        match = min(other.orientations, key=lambda q: np.linalg.norm(moved - np.array(q.u)))
        assert np.linalg.norm(moved - np.array(match.u)) < 1e-14
        assert match.value == pytest.approx(factor * o.value, rel=1e-12)
        assert match.neuron_sign == np.sign(factor) * o.neuron_sign


QUADRATIC = {
    "response": ("outer - cross.transpose() * response", "outer + cross.transpose() * response"),
    "inside": ("np.abs(inner) - 1 > inner_error", "np.abs(inner) - 1 < -inner_error"),
    "curvature": ("(-1) ** len(s) * _block", "_block"),
    "height": ("* column)[0, 0] * sign", "* column)[0, 0]"),
    "centre": ("v[k] = -value", "v[k] = value"),
}


@pytest.mark.parametrize("name", QUADRATIC)
def test_mutants_of_the_quadratic_are_caught(name):
    mutant = mutated(cube_quadratic, *QUADRATIC[name])

    def several():
        for seed in range(4):
            quadratic_against_boxes(mutant, 4, seed)

    with pytest.raises(AssertionError):
        several()


BOXES = {
    "inward": ("inward = -sign *", "inward = sign *"),
    "curved": ("jacobian = sign * self.jacobian(on)", "jacobian = -sign * self.jacobian(on)"),
    "slope": ("number * exponents[k] / p", "number / p"),
    "halving": ("side ** (n - m) / 2.0**n", "side ** (n - m) / 2.0**m"),
}


@pytest.mark.parametrize("name", BOXES)
def test_mutants_of_the_boxes_are_caught(name):
    mutant = mutated(cube_boxes, *BOXES[name])

    def several():
        for seed in range(3):
            x, s = data(4, 3, seed=seed)
            tensor = MomentTensor.from_data(x, s, 4)
            for sign in (1, -1):
                points = maxima_of(mutant, tensor, sign)
                assert len(points) == len(maxima_of(cube_boxes, tensor, sign))
                check_maxima(points, x, s, 4, sign)

    with pytest.raises(AssertionError):
        several()


def test_certificate_refuses_what_is_no_maximum():
    x, s = data(3, 3)
    tensor = MomentTensor.from_data(x, s, 3)
    none = np.zeros(3, dtype=bool)
    good = {tuple(np.sign(o.u)) for o in sign_descent_orientations(tensor).attractors if o.neuron_sign == 1}
    for vertex in np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).T.reshape(-1, 3).astype(float):
        point = cube_certify.certify_face(tensor, vertex, none, 1)
        slope = (s * (x @ vertex) ** 2) @ x * vertex
        assert point is not None
        assert point.verdict == bool(np.all(slope > 0))
        assert not point.verdict or tuple(vertex) in good


def test_adam_first_steps():
    x, s = data(1, 4)
    field = SmoothField(MomentTensor.from_data(x, s, 1), 1.0)
    regimes = {std: adam_follows(field, std, std / 50) for std in (1e-3, 1e-8)}
    assert (regimes[1e-3].follows, regimes[1e-3].reason) == (True, AdamReason.FOLLOWS)
    assert (regimes[1e-8].follows, regimes[1e-8].reason) == (False, AdamReason.EPSILON)
    assert adam_follows(field, 1e-3, 1e-3).reason is AdamReason.STEP
    cubic = SmoothField(MomentTensor.from_data(*data(3, 3), 3), 1.0)
    assert adam_follows(cubic, 0.1, 1e-3).follows is None
    assert adam_follows(cubic, 1e-3, 1e-5).reason is AdamReason.EPSILON
    with pytest.raises(TheoryError, match="init_std"):
        adam_follows(field, 0.0, 1e-3)


@pytest.mark.parametrize("module", [cube_adam, "mutant"])
def test_adam_cosine_is_that_of_real_steps(module):
    broken = module == "mutant"
    if broken:
        module = mutated(cube_adam, "np.abs(p * field.coefficient * a", "np.abs(field.coefficient * a")
    x, s = data(3, 3)
    std, eps, rng = 2e-3, 1e-8, np.random.default_rng(5)
    a, w = std * rng.standard_normal(3000), std * rng.standard_normal((3000, 3))
    gradient = 3 * 0.5 * a[:, None] * ((s * (w @ x.T) ** 2) @ x) / len(s)
    m = v = np.zeros_like(gradient)
    for k in range(1, 40):  # a steady gradient, lr = 1
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        step = m / (1 - 0.9**k) / (np.sqrt(v / (1 - 0.999**k)) + eps)
    cosine = (step * np.sign(gradient)).sum(axis=1) / np.linalg.norm(step, axis=1) / np.sqrt(3)
    found = module.adam_follows(SmoothField(MomentTensor.from_data(x, s, 3), 0.5), std, std / 100, eps=eps)
    # Two samples of 3000 and 4000 neurons: the quantile's standard error is 0.004 in rank.
    low, high = np.quantile(cosine, [0.034, 0.066])
    assert (low < found.cosine < high) != broken
    assert (0.8 < found.gradient / np.median(np.abs(gradient)) < 1.25) != broken
