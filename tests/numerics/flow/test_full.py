"""The full gradient flow: against the oracle, against autograd, its order of accuracy, events, losses,
refusals."""

import mpmath
import numpy as np
import pytest
import torch

import numerics
from numerics.errors import NumericsError
from numerics.flow import Aligned, FullStatus, LossFall, gradient_flow
from numerics.flow.leading import leading_flow
from numerics.flow.moments import moments
from numerics.flow.oracle import precise_flow, two_layer_field
from numerics.nets.activations import as_numpy
from numerics.nets.losses import CATALOGUE, LossOfOutputs

sigmoid = torch.sigmoid
# value, derivative, p, c, order of accuracy min(q - p, p + 1)
SMOOTH = {
    "tanh": (torch.tanh, lambda z: 1 / torch.cosh(z) ** 2, 1, 1.0, 2),
    "silu": (lambda z: z * sigmoid(z), lambda z: sigmoid(z) * (1 + z * (1 - sigmoid(z))), 1, 0.5, 1),
    "xtanh": (lambda z: z * torch.tanh(z), lambda z: torch.tanh(z) + z / torch.cosh(z) ** 2, 2, 1.0, 2),
    "square": (lambda z: z**2, lambda z: 2 * z, 2, 1.0, 3),
    "cube": (lambda z: z**3, lambda z: 3 * z**2, 3, 1.0, 4),
    "x2tanh": (
        lambda z: z**2 * torch.tanh(z),
        lambda z: 2 * z * torch.tanh(z) + (z / torch.cosh(z)) ** 2,
        3,
        1.0,
        2,
    ),
}


def problem(seed=0, n=12, dimension=2, width=6):
    rng = np.random.default_rng(seed)
    x = np.c_[rng.uniform(-1, 1.5, (n, dimension - 1)), np.ones(n)]
    y = np.sin(3 * x[:, 0]) + 0.5 * np.sin(6 * x[:, 0])
    return x, y, rng.standard_normal(width), rng.standard_normal((width, dimension))


def slopes_and_errors(name, force_c=None, force_p=None, signal=1.0, epsilons=None):
    """Relative distance of the full flow to the leading flow at one rescaled time."""
    value, derivative, p, c, _ = SMOOTH[name]
    x, y, a, w = problem()
    true_force = moments(x, y, p, c)
    t = min(0.5 * leading_flow(true_force, a, w).blowup_time.min(), 1.0)
    force = moments(x, signal * y, force_p or p, force_c or c)
    lead = leading_flow(force, a, w, times=t, rtol=1e-14)
    full = gradient_flow(value, derivative, x, y, a, w, epsilons=epsilons, multiplicity=p, tau=t)
    assert (full.status == FullStatus.REACHED).all()
    size = np.sqrt((lead.a**2).sum() + (lead.w**2).sum())
    errors = np.sqrt(((full.a - lead.a) ** 2).sum(axis=1) + ((full.w - lead.w) ** 2).sum(axis=(1, 2))) / size
    return np.diff(np.log(errors)) / np.diff(np.log(epsilons)), errors


@pytest.mark.parametrize("name", SMOOTH)
def test_order_of_accuracy(name):
    # Two decades whose smallest error stays three decades above the integration error of 1e-14: a slope
    # within 0.01.
    order = SMOOTH[name][4]
    last = max(1e-6, 10 ** (-10 / order))
    slopes, errors = slopes_and_errors(name, epsilons=np.geomspace(100 * last, last, 5))
    assert errors[-1] > 1e-12
    # The next term of the expansion is smaller by ε^1: its share moves a local slope by about that much.
    assert np.abs(slopes[-2:] - order).max() < 0.05


@pytest.mark.parametrize("name", ["tanh", "silu", "xtanh", "x2tanh"])
def test_order_is_seen_down_to_a_scale_of_one_in_a_million(name):
    slopes, _ = slopes_and_errors(name, epsilons=np.array([1e-5, 1e-6]))
    assert abs(slopes[0] - SMOOTH[name][4]) < 0.01


@pytest.mark.parametrize("mutant", [{"force_c": 1.001}, {"force_p": 1}, {"signal": 0.999}, {"signal": -1.0}])
def test_a_wrong_leading_flow_has_order_zero(mutant):
    slopes, _ = slopes_and_errors("xtanh", epsilons=np.array([1e-4, 1e-5]), **mutant)
    assert abs(slopes[0]) < 0.01


ORACLE = {
    1: (np.tanh, lambda z: 1 / np.cosh(z) ** 2, mpmath.tanh, lambda z: mpmath.sech(z) ** 2),
    2: (
        lambda z: z * np.tanh(z),
        lambda z: np.tanh(z) + z / np.cosh(z) ** 2,
        lambda z: z * mpmath.tanh(z),
        lambda z: mpmath.tanh(z) + z * mpmath.sech(z) ** 2,
    ),
    3: (lambda z: z**3, lambda z: 3 * z**2, lambda z: z**3, lambda z: 3 * z**2),
}


@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize("eps", [0.3, 1e-8])
def test_agrees_with_the_oracle(p, eps):
    value, derivative, exact_value, exact_derivative = ORACLE[p]
    x, y, a, w = problem(seed=p, n=4, width=2)
    tau = min(0.7, 0.5 * leading_flow(moments(x, y, p), a, w).blowup_time.min())
    field = two_layer_field(exact_value, exact_derivative, x, y, 2)
    scale = mpmath.mpf(eps)
    start = [scale * mpmath.mpf(v) for v in np.r_[a, w.ravel()]]
    exact = precise_flow(field, start, mpmath.mpf(tau) * scale ** (1 - p), digits=22)
    flow = gradient_flow(value, derivative, x, y, a, w, epsilons=eps, multiplicity=p, tau=tau)
    reference = np.array([float(v / scale) for v in exact])
    error = np.abs(np.r_[flow.a[0], flow.w[0].ravel()] - reference).max() / np.abs(reference).max()
    # Tolerance of a step 1e-13, amplified by the growth of differences (less than 10 for half the blow-up
    # time).
    assert error <= 10 * 1e-13 * flow.steps[0]


@pytest.mark.parametrize("loss", ["half-mse", "mse", "logistic", "cross-entropy"])
def test_field_is_minus_the_gradient_by_autograd(loss):
    rng = np.random.default_rng(8)
    outputs = 3 if loss == "cross-entropy" else 1
    x = rng.standard_normal((7, 3))
    y = np.eye(3)[rng.integers(0, 3, 7)] if loss == "cross-entropy" else np.sign(rng.standard_normal((7, 1)))
    a, w, eps, h = rng.standard_normal((4, outputs)), rng.standard_normal((4, 3)), 0.3, 1e-3
    flow = gradient_flow(
        torch.tanh,
        lambda z: 1 / torch.cosh(z) ** 2,
        x,
        y,
        a,
        w,
        epsilons=eps,
        multiplicity=1,
        tau=[h, 2 * h, 3 * h, 4 * h],
        loss=loss,
    )
    ta, tw = (torch.tensor(eps * v[1, 0], requires_grad=True) for v in (flow.a, flow.w))
    f, goal = torch.tanh(torch.tensor(x) @ tw.T) @ ta, torch.tensor(y)
    risk = {
        "half-mse": lambda: ((f - goal) ** 2).sum(1).mean() / 2,
        "mse": lambda: ((f - goal) ** 2).sum(1).mean(),
        "logistic": lambda: torch.nn.functional.softplus(-goal * f).sum(1).mean(),
        "cross-entropy": lambda: torch.nn.functional.cross_entropy(f, goal),
    }[loss]()
    ga, gw = torch.autograd.grad(risk, (ta, tw))
    # Fourth-order one-sided difference over the start and the four snapshots, at the second of them:
    # error O(h^4).
    weights = np.array([-1, 8]) / (12 * h)
    start_a, start_w = a, w
    da = weights[0] * (flow.a[3, 0] - start_a) + weights[1] * (flow.a[2, 0] - flow.a[0, 0])
    dw = weights[0] * (flow.w[3, 0] - start_w) + weights[1] * (flow.w[2, 0] - flow.w[0, 0])
    assert np.allclose(da, -ga.numpy() / eps, rtol=1e-8, atol=1e-9)
    assert np.allclose(dw, -gw.numpy() / eps, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("loss", CATALOGUE)
def test_fall_of_the_loss_keeps_its_accuracy(loss):
    rng = np.random.default_rng(9)
    y = np.eye(3)[rng.integers(0, 3, 6)] if loss == "cross-entropy" else np.sign(rng.standard_normal((6, 1)))
    rule = LossOfOutputs.of(loss, y)
    direction = rng.standard_normal((1, *y.T.shape))
    zero = np.zeros_like(direction)
    slope = (rule.signal(zero) * direction).sum(axis=-2)
    for size in (1e-3, 1e-9, 1e-15):  # ℓ(0) - ℓ(f) = s·f + O(f²), with second derivatives of at most 2
        fall = rule.fall(size * direction)
        assert (
            np.abs(fall / size - slope).max()
            <= 2 * size * (direction**2).sum(-2).max() + 1e-15 * np.abs(slope).max() * 4
        )
    big = 0.7 * direction
    one = rule.fall(big) - rule.fall(big + 1e-6 * direction)
    assert np.allclose(-one / 1e-6, (rule.signal(big) * direction).sum(-2), rtol=1e-4, atol=1e-5)


def test_event_of_the_loss_fall_is_the_exact_time():
    # σ(z) = z, one neuron, balanced along the only direction: f = b x, b = a w, b' = 2 b (mean(xy) - b
    # mean(x²)), a logistic curve (b0 > 0).
    x, y = np.array([[1.0], [2.0]]), np.array([1.0, 2.0])
    eps = 1e-4
    flow = gradient_flow(
        lambda z: z,
        lambda z: np.ones_like(z),
        x,
        y,
        [1.0],
        [[1.0]],
        epsilons=eps,
        multiplicity=1,
        tau=6.0,
        events=(LossFall(0.3), LossFall(1e-6), Aligned((1.0,), 2.0)),
    )
    k, b0 = 2.5, eps**2
    for fraction, measured in zip((0.3, 1e-6), flow.event_tau[:2, 0], strict=True):
        b = fraction / (1 + np.sqrt(1 - fraction))  # R = R0 (1 - b)²
        exact = np.log(b * (1 - b0) / (b0 * (1 - b))) / (2 * k)
        assert measured == pytest.approx(exact, rel=1e-11)
    assert np.isinf(flow.event_tau[2, 0])


def test_event_of_alignment():
    x, y, a, w = problem()
    g = y @ x / len(y)
    v = tuple(g / np.linalg.norm(g))
    value, derivative = SMOOTH["tanh"][:2]
    tau = 12 / np.linalg.norm(g)
    options = {"epsilons": 1e-9, "multiplicity": 1, "tau": tau, "events": (Aligned(v, 0.999, share=0.5),)}
    flow = gradient_flow(value, derivative, x, y, a, w, **options)
    assert 0 < flow.event_tau[0, 0] < tau
    u = flow.event_w[0, 0] / np.linalg.norm(flow.event_w[0, 0], axis=1, keepdims=True)
    assert np.median(np.abs(u @ v)) == pytest.approx(0.999, abs=1e-10)


def test_a_batch_of_scales_equals_each_alone_and_time_exponent_only_rescales():
    x, y, a, w = problem()
    value, derivative = SMOOTH["xtanh"][:2]
    options = {"multiplicity": 2, "rtol": 1e-12}
    both = gradient_flow(value, derivative, x, y, a, w, epsilons=[1e-1, 1e-4], tau=0.1, **options)
    for k, eps in enumerate((1e-1, 1e-4)):
        alone = gradient_flow(value, derivative, x, y, a, w, epsilons=eps, tau=0.1, **options)
        assert np.abs(alone.w[0] - both.w[k]).max() <= 1e-13 * both.steps[k] * np.abs(w).max()
    physical = gradient_flow(
        value, derivative, x, y, a, w, epsilons=0.1, tau=0.1 / 0.1, time_exponent=0.0, **options
    )
    assert np.abs(physical.w[0] - both.w[0]).max() <= 1e-11 * np.abs(w).max()


def test_weight_decay_multiplies_amplitudes_for_multiplicity_one():
    # Theory notes, section 7: for p = 1 the leading flow with decay is the one without, times e^{-λt}.
    x, y, a, w = problem()
    value, derivative = SMOOTH["tanh"][:2]
    options = {"epsilons": 1e-7, "multiplicity": 1, "tau": 1.5}
    plain = gradient_flow(value, derivative, x, y, a, w, **options)
    decayed = gradient_flow(value, derivative, x, y, a, w, weight_decay=0.4, **options)
    assert np.abs(decayed.w * np.exp(0.6) / plain.w - 1).max() <= 1e-11


def test_torch_and_numpy_activations_are_both_accepted():
    z = np.linspace(-1, 1, 5)
    for function in (np.tanh, torch.tanh, lambda v: v * torch.tanh(v), lambda v: v**3):
        assert isinstance(as_numpy(function)(z), np.ndarray)
    with pytest.raises(NumericsError, match="activation"):
        as_numpy(lambda z: z.no_such_method())


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"y": np.ones(3)}, "data have shapes"),
        ({"a0hat": np.ones(3)}, "neurons have shapes"),
        ({"epsilons": [0.0]}, "epsilons"),
        ({"tau": [2.0, 1.0]}, "ascending"),
        ({"loss": "l2"}, "half-mse"),
        ({"w0hat": np.full((6, 2), np.nan)}, "finite"),
    ],
)
def test_refusals(keywords, message):
    x, y, a, w = problem()
    arguments = {
        "x": x,
        "y": y,
        "a0hat": a,
        "w0hat": w,
        "epsilons": [0.1],
        "multiplicity": 1,
        "tau": 1.0,
    } | keywords
    with pytest.raises(NumericsError, match=message):
        gradient_flow(np.tanh, lambda z: 1 / np.cosh(z) ** 2, **arguments)


def test_an_event_that_holds_from_the_start_has_time_zero():
    """It was once reported as one that never happened."""
    rng = np.random.default_rng(3)
    x, y, a, w = (
        rng.standard_normal((5, 2)),
        rng.standard_normal(5),
        rng.standard_normal(3),
        rng.standard_normal((3, 2)),
    )
    slope = lambda z: 1 / np.cosh(z) ** 2  # noqa: E731
    event = Aligned((1.0, 0.0), 1e-9)
    out = gradient_flow(
        np.tanh, slope, x, y, a, w, epsilons=[1e-3, 1e-5], multiplicity=1, tau=0.5, events=event
    )
    assert (out.event_tau == 0).all()
    assert (out.event_a[0] == a).all()
    assert (out.event_w[0] == w).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"events": (numerics.Alignment(np.ones(2)),)}, "no event of a flow"),
        ({"events": (numerics.LossFraction(0.1),)}, "no event of a flow"),
        ({"events": Aligned((1.0, 0.0, 0.0), 0.9)}, "direction of 3 numbers; 2"),
        ({"epsilons": []}, "at least one"),
        ({"rtol": -1.0}, "rtol is -1"),
        ({"rtol": float("nan")}, "rtol is nan"),
        ({"weight_decay": float("nan")}, "weight_decay nan"),
        ({"max_steps": 0}, "max_steps 0"),
        ({"multiplicity": 0}, "multiplicity 0"),
    ],
)
def test_events_and_numbers_that_mean_nothing_are_refused(change, message):
    options = {"epsilons": [1e-3], "multiplicity": 1, "tau": 1.0} | change
    with pytest.raises(NumericsError, match=message):
        gradient_flow(np.tanh, np.cos, np.ones((4, 2)), np.ones(4), np.ones(3), np.ones((3, 2)), **options)


@pytest.mark.parametrize(
    "build",
    [
        lambda: LossFall(-1.0),
        lambda: LossFall(float("nan")),
        lambda: Aligned((0.0, 0.0), 0.9),
        lambda: Aligned((1.0, 0.0), float("nan")),
        lambda: Aligned((1.0, 0.0), 0.9, 2.0),
    ],
)
def test_events_that_mean_nothing_are_refused_when_made(build):
    with pytest.raises(NumericsError, match="needs"):
        build()


def test_dense_output_is_the_flow_between_the_steps():
    """Against the oracle in the original variables, at times that no step has met; landing there is another run."""
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((4, 2)), rng.standard_normal(4)
    a, w = rng.standard_normal(2), rng.standard_normal((2, 2))
    slope = lambda z: 1 / np.cosh(z) ** 2  # noqa: E731
    options = {"multiplicity": 1, "epsilons": [0.3, 1e-3]}
    between = [0.0, 0.137, 0.9, 1.61, 2.0]
    result = gradient_flow(np.tanh, slope, x, y, a, w, tau=2.0, dense=True, **options)
    a_at, w_at = result.at(between)
    landed = gradient_flow(np.tanh, slope, x, y, a, w, tau=between, **options)
    np.testing.assert_allclose(a_at, landed.a, rtol=0, atol=1e-12 * np.abs(landed.a).max())
    np.testing.assert_allclose(w_at, landed.w, rtol=0, atol=1e-12 * np.abs(landed.w).max())
    assert (a_at[-1] == result.a).all()
    assert (result.at(2.0)[1] == result.w).all()
    field = two_layer_field(mpmath.tanh, lambda z: mpmath.sech(z) ** 2, x.tolist(), y.tolist(), 2)
    exact = precise_flow(field, [0.3 * v for v in [*a, *w.ravel()]], 0.9, digits=20)
    mine = 0.3 * np.concatenate([a_at[2, 0], w_at[2, 0].ravel()])
    np.testing.assert_allclose(mine, [float(v) for v in exact], rtol=0, atol=1e-12)
    for outside in (-0.1, 2.1, float("nan")):
        with pytest.raises(NumericsError, match="from 0 to 2"):
            result.at(outside)
    with pytest.raises(NumericsError, match="dense=True"):
        landed.at(1.0)
