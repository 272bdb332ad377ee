"""A loss by its text, for numerics: a catalogue name as it is, a formula ℓ(f, y) as torch callables.

The fall ℓ(0, y) - ℓ(f, y) of a formula is minus the integral of ∂ℓ/∂f from 0 to f, by Gauss and Legendre's rule: no
difference of two losses, so that a fall of 1e-12 keeps its digits.  No callable sees theory's expansion.
"""

from __future__ import annotations

import numpy as np
import torch

from numerics.nets.losses import CATALOGUE, Loss
from theory import loss as theory_loss
from theory.formula.syntax import fold
from verify.bridge.formula import torch_algebra

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)
_NODES, _WEIGHTS = (_NODES + 1) / 2, _WEIGHTS / 2  # on [0, 1]; exact for ∂ℓ/∂f of degree 23 in f


def numeric_loss(name: str) -> str | Loss:
    """What training and the full flows take: the name of a catalogue loss, or a Loss made from the formula in f and y."""
    return name if name in CATALOGUE else _compiled(name)


def _compiled(text: str) -> Loss:
    tree = theory_loss(text).formula.tree

    def each(f: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        f, y = torch.broadcast_tensors(f, y)
        return fold(tree, torch_algebra(f), {"f": f, "y": y})

    def gradient(f: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        with torch.enable_grad():
            leaf = f.detach().clone().requires_grad_()
            return torch.autograd.grad(each(leaf, y).sum(), leaf)[0].clone()

    def decrease(f: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        slopes = sum(w * gradient(t * f, y) for t, w in zip(_NODES.tolist(), _WEIGHTS.tolist(), strict=True))
        return -(f * slopes).sum(-2)

    return Loss(text, lambda f, y: each(f, y).sum(-2), gradient, decrease)
