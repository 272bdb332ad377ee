"""What `condense order` compares: the leading field that theory has for a setting, and the full flow of the real network.

    one hidden layer    σ(0) = 0, smooth or one-sided, one output or K;  σ(0) ≠ 0: the offset system
    more (`layers`)     the deep system, group by group

With weight decay λ = λ̂ ε^{p-1} both sides have it.  Full flows know nothing of theory: they take the network's callables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from numerics.flow import FullStatus
from numerics.flow.network import network_flow
from numerics.nets.networks import Network
from theory import Activation, activation, loss
from theory.fields.deep import DeepField
from theory.fields.offset import OffsetField
from theory.fields.one_sided import OneSidedField
from theory.fields.outputs import OutputsField
from theory.fields.smooth import SmoothField
from theory.predictions import predict
from theory.systems.decay import DecayField, decay_system
from theory.systems.deep.system import derived
from theory.systems.offset import offset_system
from theory.systems.one_sided import one_sided_system
from theory.systems.outputs import outputs_system
from theory.systems.system import LeadingSystem
from verify.bridge.experiment import Experiment
from verify.bridge.formula import rounding_bound, torch_activation
from verify.bridge.losses import flow_loss
from verify.errors import UsageError
from verify.order.engine import (
    LOWEST,
    FullFlow,
    Law,
    LeadingField,
    Reached,
    Weights,
    compare_flows,
    default_scales,
)
from verify.order.result import OrderResult

NEURONS = 8  # of a two-layer network
DEEP_WIDTH = 4  # of every layer of a deeper one
_ROUNDING = 1e-9  # relative; an integrator at 1e-13 would take noise above that for structure
NeuronField = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Case:
    """A leading field and a network from the same start θ̂(0), with the orders that theory derives for them."""

    system: LeadingSystem
    leading: LeadingField
    network: Network
    x: np.ndarray
    y: np.ndarray
    loss: str
    start: Weights
    top: float
    autonomous: bool
    laws: dict[str, Law] = field(default_factory=dict)
    split: Callable[[Weights], Weights] = dict
    decay: float = 0.0
    sigmas: tuple[Activation, ...] = ()
    max_steps: int = 4000  # of the full flow; one that needs more does not count as reached

    def rounding(self, epsilon: float) -> float:
        """How far rounding may carry the layers' callables from their formulas at this scale, relative to their values.

        `log(cosh(z))` as written loses all digits below 1e-8; the catalogue's functions lose none.
        """
        h = np.column_stack([self.x, np.ones(len(self.x))]) if self.network.hidden_bias else self.x
        worst = 0.0
        for number, (sigma, real) in enumerate(zip(self.sigmas, self.network.layers, strict=True), start=1):
            w = epsilon * self.start[f"w{number}"]
            biased = number > 1 and self.network.upper_bias
            z = h @ w[:, :-1].T + w[:, -1] if biased else h @ w.T
            value = real.value(torch.from_numpy(np.ascontiguousarray(z))).numpy()
            # The derivative comes from the same text and loses as much of z σ'.
            lost = float(np.linalg.norm(rounding_bound(sigma, z)) / max(np.linalg.norm(value), 1e-300))
            worst = max(worst, lost)
            h = value + h if self.network.residual and number > 1 else value
        return worst

    @property
    def lowest(self) -> float:
        """The smallest scale at which rounding of the activations stays below what is measured."""
        below = [e for e in self.top * 10.0 ** -np.arange(0, 10, 0.25) if self.rounding(e) > _ROUNDING]
        return max([LOWEST, *(1.001 * e for e in below)])

    def flow(self) -> FullFlow:
        """The full gradient flow of the network."""

        def run(epsilons: np.ndarray, tau: float) -> Reached:
            # An integrator that asks for more digits than the activations have chases their noise with tiny steps.
            noise = max(self.rounding(e) for e in epsilons)
            out = network_flow(
                self.network,
                self.x,
                self.y,
                self.start,
                epsilons=epsilons,
                time_exponent=self.system.time_exponent,
                tau=tau,
                loss=flow_loss(self.loss),
                weight_decay=self.decay,
                rtol=max(1e-13, noise / 10),
                max_steps=self.max_steps,
            )
            there = out.status == FullStatus.REACHED
            moved = {name: np.where(there[:, None, None], v, np.inf) for name, v in out.moved.items()}
            return Reached(moved, noise)

        return run

    def measure(self, full: FullFlow | None = None, **options: Any) -> OrderResult:
        """The order of accuracy of the leading field against `full` (default: the full gradient flow)."""
        given = {
            "predicted": self.system.order,
            "time_exponent": self.system.time_exponent,
            "epsilons": default_scales(self.top),
            "autonomous": self.autonomous,
            "laws": self.laws,
            "split": self.split,
            "lowest": self.lowest,
            "biased": lambda name: name != "w1" and self.network.bias_of(name),
        }
        return compare_flows(self.leading, full or self.flow(), self.start, **{**given, **options})


def neuron_case(
    system: LeadingSystem,
    leading: NeuronField,
    sigma: Activation,
    x: np.ndarray,
    y: np.ndarray,
    *,
    loss: str = "half-mse",
    bias: bool = True,
    neurons: int = NEURONS,
    decay: float = 0.0,
    seed: int = 0,
) -> Case:
    """The case of a two-layer network with a field (a, w) -> (a', w'); x (n, d) without the bias column.

    a is (m,) for y (n,), (m, K) for y (n, K).  The field is taken as homogeneous where σ(0) = 0.
    """
    outputs = 1 if y.ndim == 1 else y.shape[1]
    network = Network(x.shape[1], neurons, outputs, activations=torch_activation(sigma), hidden_bias=bias)
    start = _drawn(network, seed)

    def field(weights: Weights) -> Weights:
        out = {"a": np.empty_like(weights["a"]), "w1": np.empty_like(weights["w1"])}
        for k, (a, w) in enumerate(zip(weights["a"], weights["w1"], strict=True)):
            a_dot, w_dot = leading(a[0] if y.ndim == 1 else np.ascontiguousarray(a.T), w)
            out["a"][k], out["w1"][k] = a_dot if y.ndim == 1 else a_dot.T, w_dot
        return out

    return Case(
        system=system,
        leading=field,
        network=network,
        x=x,
        y=y,
        loss=loss,
        start=start,
        top=_top(x, bias, start["w1"]),
        autonomous=sigma.value_at_zero == 0,
        decay=decay,
        sigmas=(sigma,),
    )


def deep_case(
    leading: DeepField,
    sigmas: tuple[Activation, ...],
    x: np.ndarray,
    y: np.ndarray,
    *,
    loss: str = "half-mse",
    bias: bool = True,
    width: int = DEEP_WIDTH,
    seed: int = 0,
) -> Case:
    """The case of a deep network, group by group; x (n, d) without the bias column."""
    architecture, powers = leading.architecture, leading.powers
    network = Network(
        x.shape[1],
        (width,) * len(sigmas),
        1 if y.ndim == 1 else y.shape[1],
        tuple(torch_activation(sigma) for sigma in sigmas),
        hidden_bias=bias,
        upper_bias=architecture.hidden_bias,
        residual=architecture.residual,
    )
    start = _drawn(network, seed)
    orders = {n for group in powers.groups.values() for n in group.kept}
    return Case(
        system=derived(powers),
        leading=leading,
        network=network,
        x=x,
        y=y,
        loss=loss,
        start=start,
        top=_top(x, bias, start["w1"]),
        autonomous=len(orders) == 1,
        laws={name: Law(g.degree, g.lag, g.accuracy) for name, g in powers.groups.items()},
        split=architecture.split,
        sigmas=sigmas,
    )


def case_of(
    experiment: Experiment,
    *,
    layers: tuple[str, ...] = (),
    upper_bias: bool = False,
    residual: bool = False,
    decay: float = 0.0,
) -> Case:
    """The case that theory has for an experiment.  Raises TheoryError or UsageError where there is none."""
    if not layers and (upper_bias or residual):
        raise UsageError(
            "--upper-bias and --residual are about further hidden layers: name those with --layers"
        )
    sigma, y = activation(experiment.activation), experiment.targets
    inputs, bias = experiment.dataset.x, experiment.bias
    x = np.column_stack([inputs, np.ones(len(inputs))]) if bias else inputs
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    common: dict[str, Any] = {"loss": experiment.loss, "bias": bias, "seed": experiment.seed}
    if layers:
        if decay:
            raise UsageError(
                "weight decay is derived for one hidden layer; leave out --weight-decay or --layers"
            )
        sigmas = (sigma, *(activation(name) for name in layers))
        leading = DeepField.of(
            sigmas, x, y, loss_function=experiment.loss, hidden_bias=upper_bias, residual=residual
        )
        return deep_case(leading, sigmas, inputs, y, **common)
    system, neurons = _two_layer(sigma, experiment, x, y)
    if decay:
        base = system
        system = decay_system(sigma, base)
        neurons = DecayField.of(neurons, decay)
    return neuron_case(system, neurons, sigma, inputs, y, decay=decay, **common)


def named_layers(text: str) -> tuple[str, ...]:
    """The activations in a list separated by commas; commas inside brackets belong to a formula."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    names = tuple(part.strip() for part in parts)
    if names == ("",):
        return ()
    if "" in names:
        raise UsageError(f"layers {text!r} has an empty entry; accepted: activations separated by commas")
    return names


def _two_layer(
    sigma: Activation, experiment: Experiment, x: np.ndarray, y: np.ndarray
) -> tuple[LeadingSystem, Any]:
    """The system of one hidden layer and its field (a, w) -> (a', w')."""
    ell = loss(experiment.loss)
    if sigma.value_at_zero != 0:
        return offset_system(sigma), OffsetField.of(sigma, ell, x, y)
    if not sigma.is_smooth:
        system = one_sided_system(sigma) if y.ndim == 1 else outputs_system(sigma)
        return system, OneSidedField.of(sigma, x, ell.signal(y))
    if y.ndim == 2:
        return outputs_system(sigma), OutputsField.of(sigma, x, ell.signal(y))
    found = predict(
        experiment.dataset.x,
        y,
        sigma,
        loss_function=ell,
        bias=experiment.bias,
        max_paths=1,
        seed=experiment.seed,
    )
    return found.system, SmoothField(found.field.tensor, found.coefficient)


def _drawn(network: Network, seed: int) -> Weights:
    generator = np.random.default_rng(np.random.SeedSequence([seed, 20210524]))
    return {name: generator.standard_normal(shape) for name, shape in network.shapes.items()}


def _top(x: np.ndarray, bias: bool, w: np.ndarray) -> float:
    """The scale at which the largest argument of the first layer is 1."""
    z = x @ w[:, : x.shape[1]].T + (w[:, -1] if bias else 0.0)
    return 1.0 / float(np.max(np.abs(z)))
