"""Losses against mpmath: the decrease from zero output without cancellation, gradients, targets."""

from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from numerics.errors import NumericsError
from numerics.nets.losses import CATALOGUE, LossOfOutputs, get, targets


def _huber(e):
    return e**2 / 2 if abs(e) <= 1 else abs(e) - mp.mpf(1) / 2


WITNESS = {
    "half-mse": lambda f, y: sum((a - b) ** 2 for a, b in zip(f, y, strict=True)) / 2,
    "mse": lambda f, y: sum((a - b) ** 2 for a, b in zip(f, y, strict=True)),
    "logistic": lambda f, y: sum(mp.log1p(mp.exp(-a * b)) for a, b in zip(f, y, strict=True)),
    "cross-entropy": lambda f, y: mp.log(sum(map(mp.exp, f))) - sum(a * b for a, b in zip(f, y, strict=True)),
    "huber": lambda f, y: sum(_huber(a - b) for a, b in zip(f, y, strict=True)),
}


def _target(name, rng):
    if name == "logistic":
        return rng.choice([-1.0, 1.0], 3)
    if name == "cross-entropy":
        return np.eye(3)[rng.integers(3)]
    return rng.uniform(-2.5, 2.5, 3)


@pytest.mark.parametrize("name", CATALOGUE)
@given(st.integers(0, 10**6), st.integers(-12, 1))
def test_property_value_gradient_and_decrease(name, seed, exponent):
    rng = np.random.default_rng(seed)
    f, y = rng.standard_normal(3) * 10.0**exponent, _target(name, rng)
    loss, ft, yt = CATALOGUE[name], torch.tensor(f)[:, None], torch.tensor(y)[:, None]
    eps = np.finfo(float).eps
    with mp.workdps(60):
        exact_f, exact_y = [mp.mpf(v) for v in f], [mp.mpf(v) for v in y]
        at_f, at_zero = WITNESS[name](exact_f, exact_y), WITNESS[name]([mp.mpf(0)] * 3, exact_y)
        # terms of size |f| (|y| + |f|) are summed: the decrease may be smaller, its rounding is not
        size = float(sum(abs(a) * (2 + abs(b) + abs(a)) for a, b in zip(exact_f, exact_y, strict=True)))
        assert abs(float(loss.decrease(ft, yt)) - (at_zero - at_f)) <= 16 * eps * size
        assert abs(float(loss.value(ft, yt)) - at_f) <= 16 * eps * (abs(at_f) + size)

        def shifted(v, k):
            return WITNESS[name]([v if i == k else exact_f[i] for i in range(3)], exact_y)

        slopes = loss.gradient(ft, yt)[:, 0].tolist()
        for k in range(3):
            if name == "huber" and abs(abs(f[k] - y[k]) - 1) < 1e-9:
                continue  # the second derivative jumps there
            exact = mp.diff(lambda v, k=k: shifted(v, k), exact_f[k], h=mp.mpf(10) ** -25)
            assert abs(slopes[k] - exact) <= 16 * eps * (1 + abs(f[k]) + abs(y[k]))


def test_tiny_decreases_have_full_relative_accuracy():
    # the difference of two losses would keep no digit at f = 1e-17
    f = torch.full((1, 1), 1e-17, dtype=torch.float64)
    y = torch.ones(1, 1, dtype=torch.float64)
    slopes = {"half-mse": 1.0, "mse": 2.0, "logistic": 0.5, "huber": 1.0}
    for name, slope in slopes.items():
        assert float(CATALOGUE[name].decrease(f, y)) == pytest.approx(slope * 1e-17, rel=1e-15)


@pytest.mark.parametrize("exponent", [-12, -3, 0, 1, 2])
def test_the_gradient_of_cross_entropy_keeps_its_digits_where_a_sample_is_fitted(exponent):
    """p - 1 has none left where p rounds to 1; soft targets have another term."""
    rng = np.random.default_rng(exponent % 7)
    f = rng.standard_normal((5, 40)) * 10.0**exponent
    hot, soft = np.eye(5)[rng.integers(0, 5, 40)].T, rng.dirichlet(np.ones(5), 40).T
    with mp.workdps(120):
        for y, relative in ((hot, True), (soft, False)):
            found = CATALOGUE["cross-entropy"].gradient(torch.tensor(f), torch.tensor(y)).numpy()
            for column in range(40):
                e = [mp.exp(mp.mpf(v)) for v in f[:, column]]
                for k in range(5):
                    exact = e[k] / sum(e) - mp.mpf(y[k, column])
                    # e^f rounds as f does: by f times a unit
                    size = float(abs(exact)) if relative else 1.0
                    near = 8 * np.finfo(float).eps * (4 + float(np.ptp(f[:, column]))) * size
                    assert abs(found[k, column] - float(exact)) <= near + 1e-300


@pytest.mark.parametrize("name", CATALOGUE)
@pytest.mark.parametrize("classes", [2, 3, 7, 12])
def test_what_a_loss_says_of_a_member_does_not_depend_on_its_batch(name, classes):
    rng = np.random.default_rng(classes)
    y = (
        np.eye(classes)[rng.integers(0, classes, 53)]
        if name == "cross-entropy"
        else rng.choice([-1.0, 1.0], (53, classes))
    )
    f, y, loss = (
        torch.tensor(rng.standard_normal((64, classes, 53))),
        torch.tensor(y.T.copy()),
        CATALOGUE[name],
    )
    whole = loss.gradient(f, y)
    for part in (slice(0, 1), slice(3, 8), slice(63, 64)):
        assert (loss.gradient(f[part].clone(), y) == whole[part]).all()


def test_huber_is_torch_s_and_its_fall_keeps_its_accuracy_for_tiny_outputs():
    rng = np.random.default_rng(1)
    y = 2 * rng.standard_normal((50, 1))
    loss, f = LossOfOutputs.of("huber", y), rng.standard_normal((3, 1, 50))
    out, target = torch.tensor(f, requires_grad=True), torch.as_tensor(y.T).expand(3, 1, 50)
    torch.nn.functional.huber_loss(out, target, reduction="sum").backward()
    assert out.grad is not None
    np.testing.assert_allclose(loss.signal(f), -out.grad.numpy(), atol=1e-15)
    start, end = (
        torch.nn.functional.huber_loss(o, target, reduction="none").detach().numpy()[:, 0]
        for o in (torch.zeros_like(target), out)
    )
    np.testing.assert_allclose(loss.fall(f), start - end, atol=1e-14)
    np.testing.assert_allclose(loss.start(), start[0], atol=1e-15)
    for goal in (0.3, 3.7, -2.5):
        tiny = Fraction(1e-14)
        exact = tiny * (Fraction(goal) - tiny / 2) if abs(goal) < 1 else tiny * (1 if goal > 0 else -1)
        found = LossOfOutputs.of("huber", np.array([[goal]])).fall(np.array([[[1e-14]]]))[0, 0]
        assert abs(found / float(exact) - 1) < 1e-14


def test_a_callable_loss_matches_the_catalogue():
    def half_square(f, y):
        return (f - y) ** 2 / 2

    own, known = get(half_square), CATALOGUE["half-mse"]
    f = torch.randn(4, 2, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    y = torch.randn(2, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for part in ("value", "gradient", "decrease"):
        torch.testing.assert_close(
            getattr(own, part)(f, y), getattr(known, part)(f, y), rtol=1e-13, atol=1e-14
        )


def test_targets_are_checked():
    with pytest.raises(NumericsError, match=r"\+1 and -1"):
        targets(CATALOGUE["logistic"], torch.tensor([0.0, 1.0]))
    with pytest.raises(NumericsError, match="K ≥ 2"):
        targets(CATALOGUE["cross-entropy"], torch.tensor([0.0, 1.0]))
    with pytest.raises(NumericsError, match="summing to 1"):
        targets(CATALOGUE["cross-entropy"], torch.tensor([[0.5, 1.0], [1.0, 0.0]]))
    with pytest.raises(NumericsError, match="unknown loss 'mae'"):
        get("mae")
    assert targets(CATALOGUE["mse"], torch.ones(5, 2)).shape == (2, 5)
