"""Where the layers of a deep network go: the fixed orientations of the first layer, the one line of the second.

Statement.   The leading potential of w_1 has one power d of w_1.x in it: d = p_1 p_2 ... p_L without upper biases (the
             product of the multiplicities), d = p_1 with them or with residual connections.  Once a neuron outgrows
             the others of its layer the potential is, along its orientation u, a multiple of T_d u^d: it ends at a
             growing Z-eigenvector of T_d.  Where faster groups see nothing but the mean signal (upper biases) they
             fit it first, and T_d is that of the signal at the best constant output.
             The second layer sees h_1: its rows end along one line, ± the vector of c_1 ‖w_j‖^{p_1} (sign)^{p_1} over
             the neurons j on ± one orientation; with upper biases first along their bias axis.
Limits.      Leading order, small ε, before the output feeds back on more than the mean signal.
Source.      condense.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from theory.errors import TheoryError
from theory.fields.deep import DeepField
from theory.forms.moment_tensor import MomentTensor
from theory.formula.activation import Activation, activation
from theory.losses.loss import Loss, loss
from theory.losses.signal import fitted_output
from theory.orientations import OrientationSet, find_orientations
from theory.systems.deep.powers import PowerCount


@dataclass(frozen=True)
class FirstLayer:
    """The fixed orientations of the first layer: those of T_`order` with `signal` (n,), and whether the mean is fitted
    first (then `signal` is that at the best constant output).
    """

    order: int
    signal: np.ndarray
    mean_fitted: bool
    orientations: OrientationSet


def product_order(activations: Sequence[str | Activation]) -> int:
    """p_1 p_2 ... p_L, the order of the moment tensor that the first layer of a bias-free network follows."""
    return prod((s if isinstance(s, Activation) else activation(s)).multiplicity for s in activations)


def first_layer(
    activations: Sequence[str | Activation],
    x: np.ndarray,
    y: np.ndarray,
    *,
    loss_function: str | Loss = "half-mse",
    bias: bool = True,
    hidden_bias: bool = False,
    residual: bool = False,
    max_paths: int = 20_000,
    seed: int = 0,
) -> FirstLayer:
    """The fixed orientations of the first layer on data x (n, D), bias column included, y (n,).

    `bias` says whether the last column of x is one.  Raises TheoryError where no theorem applies, for K outputs, and
    where w_1 feels moments of several orders at once.
    """
    ell = loss_function if isinstance(loss_function, Loss) else loss(loss_function)
    field = DeepField.of(activations, x, y, loss_function=ell, hidden_bias=hidden_bias, residual=residual)
    return first_layer_of(field, ell, y, bias=bias, max_paths=max_paths, seed=seed)


def first_layer_of(
    field: DeepField, ell: Loss, y: np.ndarray, *, bias: bool = True, max_paths: int = 20_000, seed: int = 0
) -> FirstLayer:
    """The fixed orientations of the first layer of a network with this leading field, trained on y (n,) with this loss.

    Raises TheoryError for K outputs, and where w_1 feels moments of several orders at once.
    """
    if np.ndim(y) != 1:
        raise TheoryError(f"y has shape {np.shape(y)}: this prediction needs one output, y of shape (n,)")
    groups = field.powers.groups
    mine = groups["w1"]
    if len(mine.moments) != 1:
        raise TheoryError(
            f"the first layer feels the moments of the orders {', '.join(map(str, mine.moments))} at once: no single "
            "tensor has its orientations; accepted: no residual connections, or other multiplicities"
        )
    order = mine.moments[0]
    fitted = mean_fitted_first(field.powers)
    signal = fitted_output(ell, y).signal if fitted else ell.signal(y)
    tensor = MomentTensor.from_data(field.x, signal, order)
    return FirstLayer(
        order=order,
        signal=np.array([float(s) for s in signal]),
        mean_fitted=fitted,
        orientations=find_orientations(tensor, bias=bias, max_paths=max_paths, seed=seed),
    )


def mean_fitted_first(powers: PowerCount) -> bool:
    """Whether groups that see nothing but the mean signal are faster than the first layer, and fit it first."""
    mine = powers.groups["w1"]
    return any(g.moments == (0,) and g.degree < mine.degree for g in powers.groups.values())


def second_layer_line(w1: np.ndarray, multiplicity: int) -> np.ndarray:
    """The unit vector, up to its sign, of the second layer's rows over first-layer neurons w1 (m, D) on one line."""
    norms = np.linalg.norm(w1, axis=1)
    if not norms.any():
        raise TheoryError(
            "all first-layer neurons are zero: there is no line; accepted: at least one that is not"
        )
    side = np.sign(w1 @ w1[int(np.argmax(norms))])
    line = side**multiplicity * norms**multiplicity
    return line / np.linalg.norm(line)
