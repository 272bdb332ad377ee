"""Huber's loss for the full flow, against torch and against the fall computed in long arithmetic."""

from fractions import Fraction

import numpy as np
import torch

from numerics.flow.losses import flow_loss


def test_signal_and_fall_of_huber():
    loss, rng = flow_loss("huber"), np.random.default_rng(1)
    y, f = 2 * rng.standard_normal((50, 1)), rng.standard_normal((3, 50, 1))
    out = torch.tensor(f, requires_grad=True)
    target = torch.as_tensor(y).expand_as(out)
    torch.nn.functional.huber_loss(out, target, reduction="sum").backward()
    assert out.grad is not None
    np.testing.assert_allclose(loss.signal(f, y), -out.grad.numpy(), atol=1e-15)
    start, end = (
        torch.nn.functional.huber_loss(o, target, reduction="none").detach().numpy()[..., 0]
        for o in (torch.zeros_like(target), out)
    )
    np.testing.assert_allclose(loss.fall(f, y), start - end, atol=1e-14)
    np.testing.assert_allclose(loss.start(y), start[0], atol=1e-15)


def test_fall_keeps_its_accuracy_for_tiny_outputs():
    for y in (0.3, 3.7, -2.5):
        f = 1e-14
        exact = (
            Fraction(f) * (Fraction(y) - Fraction(f) / 2)
            if abs(y) < 1
            else Fraction(f) * (1 if y > 0 else -1)
        )
        found = flow_loss("huber").fall(np.array([[[f]]]), np.array([[y]]))[0, 0]
        assert abs(found / float(exact) - 1) < 1e-14
