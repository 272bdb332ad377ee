"""What `condense order` compares: the leading field that theory has for a setting, and the full flow of the real network.

    one hidden layer    σ(0) = 0, smooth or one-sided, one output or K;  σ(0) ≠ 0: the offset system
    an output bias      its leading system at a fixed time; what is compared are the neurons
    more (`layers`)     the deep system, group by group

With weight decay λ = λ̂ ε^{p-1} both sides have it.  Full flows know nothing of theory: they take the network's callables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from numerics.flow import FullStatus
from numerics.flow.network import network_flow
from numerics.nets import Network
from theory import Activation, LeadingSystem, Prediction
from theory.fields.output_bias import OutputBiasField
from theory.predictions.output_bias import OutputBiasPrediction
from theory.streams import Stream, generator
from theory.systems import GroupLaw
from verify.bridge.digits import rounding_bound, torch_activation
from verify.bridge.formula import numeric_loss
from verify.order.engine import LOWEST, default_scales
from verify.order.fields import FullFlow, LeadingField, Reached, Weights, compare_flows
from verify.order.result import OrderResult
from verify.order.smooth import NEURONS

DEEP_WIDTH = 4  # of every layer of a deep network; chosen because its integration costs its cube
_ROUNDING = 1e-9  # relative; chosen because an integrator at 1e-13 would take noise above that for structure
_LEADS = 10.0  # chosen because ten times the scale at which σ(0) leads leaves two decades to measure in for σ(0) = c/100
_RTOL = 1e-13  # of a step of the full flow where the activation has all its digits; derived from FLOOR
_MAX_STEPS = (
    4000  # of the full flow; chosen because hundreds are usual: one that needs more does not count as reached
)
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
    laws: Mapping[str, GroupLaw] = field(default_factory=dict)
    split: Callable[[Weights], Weights] = dict
    decay: float = 0.0
    sigmas: tuple[Activation, ...] = ()
    max_steps: int = _MAX_STEPS
    tau: float | None = None

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
                loss=numeric_loss(self.loss),
                weight_decay=self.decay,
                rtol=max(_RTOL, noise / 10),
                max_steps=self.max_steps,
            )
            there = out.status == FullStatus.REACHED
            moved = {name: np.where(there[:, None, None], v, np.inf) for name, v in out.moved.items()}
            return Reached(moved, noise, out.moved)

        return run

    def measure(self, full: FullFlow | None = None, **options: Any) -> OrderResult:
        """The order of accuracy of the leading field against `full` (default: the full gradient flow)."""
        given = {
            "predicted": self.system.order,
            "time_exponent": self.system.time_exponent,
            "epsilons": default_scales(self.top),
            "autonomous": self.autonomous,
            "groups": self.laws,
            "split": self.split,
            "lowest": self.lowest,
            "tau": self.tau,
            "biased": lambda name: name != "w1" and self.network.bias_of(name),
        }
        return compare_flows(self.leading, full or self.flow(), self.start, **{**given, **options})


def case_of(
    prediction: Prediction,
    *,
    targets: np.ndarray | None = None,
    seed: int = 0,
    neurons: int = NEURONS,
    width: int = DEEP_WIDTH,
) -> Case:
    """The case of a prediction: its leading field and a real network, of `neurons` neurons or of this width.

    `targets` (n,) or (n, K) are what the real network is trained on (default: those of the problem).  Raises TheoryError
    where the prediction has no field.
    """
    problem, system, described = prediction.problem, prediction.system, prediction.problem.network
    deep = described.depth > 1
    y = problem.y if targets is None else targets
    inputs = np.ascontiguousarray(problem.inputs)
    network = Network(
        inputs.shape[1],
        (width,) * described.depth if deep else neurons,
        1 if y.ndim == 1 else y.shape[1],
        tuple(torch_activation(sigma) for sigma in described.layers),
        hidden_bias=described.bias,
        upper_bias=described.hidden_bias,
        residual=described.residual,
        output_bias=described.output_bias,
    )
    source = generator(seed, Stream.ORDER_START)
    start = {name: source.standard_normal(shape) for name, shape in network.shapes.items()}
    biased = isinstance(prediction, OutputBiasPrediction)
    if biased:
        leading, split = of_network(prediction.force), _neurons_alone
    else:
        leading = prediction.field if deep else of_neurons(prediction.field, y.ndim == 2)
        split = prediction.field.architecture.split if deep else dict
    return Case(
        system=system,
        leading=leading,
        network=network,
        x=inputs,
        y=y,
        loss=problem.loss.name,
        start=start,
        top=_top(inputs, described.bias, start["w1"]) * _share_of_constant(described.layers[0]),
        autonomous=system.autonomous,
        laws=system.groups,
        split=split,
        decay=described.weight_decay,
        sigmas=described.layers,
        tau=prediction.natural_time if biased else None,
    )


def of_neurons(field: NeuronField, several_outputs: bool) -> LeadingField:
    """A field (a, w) -> (a', w') of the neurons of one network, as one of dicts of the weights of several.

    a is (m,) for one output and (m, K) for several; in the dicts it is (1, m) and (K, m).
    """

    def leading(weights: Weights) -> Weights:
        out = {"a": np.empty_like(weights["a"]), "w1": np.empty_like(weights["w1"])}
        for k, (a, w) in enumerate(zip(weights["a"], weights["w1"], strict=True)):
            a_dot, w_dot = field(np.ascontiguousarray(a.T) if several_outputs else a[0], w)
            out["a"][k], out["w1"][k] = a_dot.T if several_outputs else a_dot, w_dot
        return out

    return leading


def of_network(field: OutputBiasField) -> LeadingField:
    """A field of output bias and neurons as one of dicts of weights, the bias as last column of a (1, m + 1)."""

    def leading(weights: Weights) -> Weights:
        a = weights["a"][:, 0]
        b_dot, a_dot, w_dot = field(a[:, -1], a[:, :-1], weights["w1"])
        return {"a": np.concatenate([a_dot, b_dot[:, None]], axis=1)[:, None], "w1": w_dot}

    return leading


def _neurons_alone(weights: Weights) -> Weights:
    """The weights without the output bias: it is O(1), and would be all that is seen of a distance."""
    return {"a": weights["a"][..., :-1], "w1": weights["w1"]}


def _top(x: np.ndarray, bias: bool, w: np.ndarray) -> float:
    """The scale at which the largest argument of the first layer is 1."""
    z = x @ w[:, : x.shape[1]].T + (w[:, -1] if bias else 0.0)
    return 1.0 / float(np.max(np.abs(z)))


def _share_of_constant(sigma: Activation) -> float:
    """10 |σ(0)/c| where that is below 1: only at smaller scales is σ(0) what moves first."""
    constant = abs(float(sigma.value_at_zero))
    return min(1.0, _LEADS * constant / abs(float(sigma.leading_coefficient))) if constant else 1.0
