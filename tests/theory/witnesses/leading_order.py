"""Independent witnesses for derived fields: torch's gradient of the real network, and the full gradient flow."""

import numpy as np
import torch
from scipy.integrate import solve_ivp

from numerics.flow import FullStatus, gradient_flow
from numerics.nets.activations import get
from theory.fields import rescaled
from verify.order.result import power_law

F = torch.nn.functional
LOSSES = {
    "half-mse": lambda f, y: 0.5 * F.mse_loss(f, y, reduction="none").sum() / len(y),
    "mse": lambda f, y: F.mse_loss(f, y, reduction="none").sum() / len(y),
    "logistic": lambda f, y: F.softplus(-y * f).mean(),
    "huber": lambda f, y: F.huber_loss(f, y),
    "cross-entropy": lambda f, y: F.cross_entropy(f, y),
}


def real_gradient(sigma, x, y, a, w, loss="half-mse"):
    """-∇R of Σ_j a_j σ(w_j·x) by automatic differentiation; σ is a torch function or a catalogue name."""
    sigma = get(sigma) if isinstance(sigma, str) else sigma
    a, w = torch.tensor(a, requires_grad=True), torch.tensor(w, requires_grad=True)
    f = sigma(torch.tensor(x) @ w.T) @ a
    (-LOSSES[loss](f, torch.tensor(y))).backward()
    return a.grad.numpy(), w.grad.numpy()


def gradient_slope(field, sigma, x, y, a, w, time_exponent, *, loss="half-mse", epsilons=(1e-2, 1e-3)):
    """The exponent at which the field's error falls with ε, relative to θ over t ∝ ε^κ, from two scales."""
    errors = []
    for eps in epsilons:
        real = real_gradient(sigma, x, y, eps * a, eps * w, loss)
        derived = field(eps * a, eps * w)
        gap = np.sqrt(sum(np.sum((p - q) ** 2) for p, q in zip(derived, real, strict=True)))
        errors.append(eps ** (time_exponent - 1) * gap)
    return np.log(errors[0] / errors[1]) / np.log(epsilons[0] / epsilons[1])


def integrated(field, a, w, tau):
    """The field from (a, w) for a time τ, by DOP853 at rtol 1e-12: nothing of the project's own integrators."""
    shape, cut = w.shape, a.size

    def rhs(_, y):
        da, dw = field(y[:cut].reshape(a.shape), y[cut:].reshape(shape))
        return np.concatenate([da.ravel(), dw.ravel()])

    start = np.concatenate([a.ravel(), w.ravel()])
    out = solve_ivp(rhs, (0.0, tau), start, method="DOP853", rtol=1e-12, atol=1e-14)
    assert out.success
    return out.y[:, -1]


def flow_slope(
    field,
    sigma,
    x,
    y,
    a,
    w,
    *,
    tau,
    time_exponent,
    epsilons,
    loss="half-mse",
    autonomous=False,
    by_scale=False,
    **options,
):
    """The fitted order of accuracy: the full gradient flow against the integrated field, both from (a, w).

    `autonomous`: the rescaled field is the same at every ε, so one integration serves all.  `by_scale`: `field` is a
    function of ε that returns the field.
    """
    activation = get(sigma)
    targets = np.eye(int(y.max()) + 1)[y.astype(int)] if loss == "cross-entropy" else y
    full = gradient_flow(
        lambda z: activation.value(torch.from_numpy(z)).numpy(),
        lambda z: activation.derivative(torch.from_numpy(z)).numpy(),
        x, targets, a, w, epsilons=epsilons, multiplicity=1, tau=tau, loss=loss,
        time_exponent=time_exponent, max_steps=2000, **options,
    )  # fmt: skip
    assert np.all(full.status == FullStatus.REACHED)
    errors, one = [], None
    for k, eps in enumerate(epsilons):
        if one is None or not autonomous:
            local = field(eps) if by_scale else field
            one = integrated(rescaled(local, eps, time_exponent), a, w, tau)
        real = np.concatenate([full.a[k].ravel(), full.w[k].ravel()])
        errors.append(np.linalg.norm(real - one) / np.linalg.norm(one))
    return power_law(np.asarray(epsilons), np.array(errors), 1e-12)
