"""Risk decrease and gradient of many networks at once, by a hand-written backward pass in blocks that fit the
cache.

Members are treated in blocks whose hidden layers stay in the second-level cache; all large passes write into
buffers that are allocated once. Narrow two-layer networks on the CPU go through `compiled`, all others through
torch. With one output and one hidden layer the output weight leaves the sum over samples,

    ∂R/∂w_j = a_j · mean_i (s_i σ'(w_j·x_i) x_i),

so that no (m, n) product with a is ever formed. Convolutions go through automatic differentiation instead.
"""

import torch
from torch import Tensor

from . import compiled
from .losses import Loss
from .networks import Network, views
from .workers import spread

# Of hidden-layer buffers per thread. Measured for 5-50-1 networks: below 2^21 the calls' own cost shows
# (59 against 39 µs a network-step at 2^20), above 2^23 the memory's.
CACHE_BYTES = 2**22
_SECONDS = 1.2e-9  # of one sample at one hidden neuron in a compiled pass forward and back, about
_SMALL = 64  # columns: above, a transposed copy costs more than BLAS gains


def block_members(
    network: Network, samples: int, dtype: torch.dtype, device: torch.device, members: int
) -> int:
    """How many members are treated at once: what fits the cache on a CPU, all of them elsewhere."""
    if device.type != "cpu":
        return members
    per_member = hidden_bytes(network, samples, dtype, device)
    return max(1, min(members, CACHE_BYTES * torch.get_num_threads() // per_member))


def hidden_bytes(network: Network, samples: int, dtype: torch.dtype, device: torch.device) -> int:
    """Bytes of one member's hidden-layer buffers: pre-activation (unless compiled), value and derivative of
    every neuron."""
    positions = network.convolution.positions if network.convolution is not None else 1
    rows = [shape[0] for name, shape in network.shapes.items() if name != "a"]
    rows[0] *= positions
    arrays = 3 if compiled.kind(network, dtype, device) is None else 2
    return arrays * sum(rows) * samples * dtype.itemsize


class RiskGradient:
    """The map (parameters of B members) -> (decrease of the risk from zero output, gradient of the risk)."""

    def __init__(self, network: Network, x: Tensor, y: Tensor, loss: Loss, members: int) -> None:
        """Takes `x` (n, inputs) and `y` (K, n), dtype and device as the parameters, for at most `members`."""
        self.network, self.loss, self.x, self.y = network, loss, x, y
        ones = torch.ones(1, x.shape[0], dtype=x.dtype, device=x.device)
        self.columns = torch.cat([x.T, ones]) if network.hidden_bias else x.T.contiguous()
        self.block = block_members(network, x.shape[0], x.dtype, x.device, members)
        self.kind = compiled.kind(network, x.dtype, x.device)
        shapes = [] if network.convolution else [s[0] for name, s in network.shapes.items() if name != "a"]
        arrays = 3 if self.kind is None else 2
        self.buffers = [
            [torch.empty(self.block, m, x.shape[0], dtype=x.dtype, device=x.device) for _ in range(arrays)]
            for m in shapes
        ]

    def __call__(self, flat: Tensor, gradient: Tensor) -> Tensor:
        """Writes ∂R/∂θ (B, size) into `gradient` and returns the decrease R(f = 0) - R, shape (B,)."""
        chunk = self._by_hand if self.kind is None else self._compiled
        if self.network.convolution is not None:
            chunk = self._by_autograd
        if flat.shape[0] <= self.block:
            return chunk(flat, gradient)
        return torch.cat(
            [
                chunk(flat[start : start + self.block], gradient[start : start + self.block])
                for start in range(0, flat.shape[0], self.block)
            ]
        )

    def measure(self, flat: Tensor) -> tuple[Tensor, Tensor]:
        """The decrease R(f = 0) - R and the risk R itself, both (B,), from a plain forward pass."""
        decreases, values = [], []
        for rows in flat.split(self.block):
            f = self.network.forward(views(self.network, rows), self.x)
            decreases.append(self.loss.decrease(f, self.y).mean(-1))
            values.append(self.loss.value(f, self.y).mean(-1))
        return torch.cat(decreases), torch.cat(values)

    def _signal(self, f: Tensor) -> tuple[Tensor, Tensor]:
        return self.loss.decrease(f, self.y).mean(-1), self.loss.gradient(f, self.y).div_(f.shape[-1])

    def _by_autograd(self, flat: Tensor, gradient: Tensor) -> Tensor:
        leaf = flat.detach().requires_grad_()
        with torch.enable_grad():
            f = self.network.forward(views(self.network, leaf), self.x)
        decrease, residual = self._signal(f.detach())
        gradient.copy_(torch.autograd.grad(f, leaf, residual)[0])
        return decrease

    def _compiled(self, flat: Tensor, gradient: Tensor) -> Tensor:
        columns, bias = self.columns.numpy(), self.network.output_bias
        rows, slopes = flat.detach().numpy(), gradient.numpy()
        h, d = (buffer.numpy() for buffer in self.buffers[0])

        def part(start: int, stop: int) -> Tensor:
            f = torch.empty(stop - start, self.network.outputs, columns.shape[1], dtype=flat.dtype)
            hidden, own = (h[start:stop], d[start:stop]), rows[start:stop]
            compiled.forward(self.kind, own, columns, bias, *hidden, f.numpy())
            decrease, residual = self._signal(f)
            compiled.backward(own, columns, bias, *hidden, residual.contiguous().numpy(), slopes[start:stop])
            return decrease

        seconds = _SECONDS * flat.shape[0] * h.shape[1] * h.shape[2]
        return torch.cat(spread(part, flat.shape[0], seconds))

    def _by_hand(self, flat: Tensor, gradient: Tensor) -> Tensor:
        network, weights, slopes = self.network, views(self.network, flat), views(self.network, gradient)
        members, depth = flat.shape[0], network.depth
        columns = self.columns.expand(members, -1, -1)
        hidden: list[Tensor] = []
        derivatives: list[Tensor] = []
        for layer in range(depth):
            z, first, second = (buffer[:members] for buffer in self.buffers[layer])
            if layer == 0:
                torch.bmm(weights["w1"], columns, out=z)
            else:
                _affine(weights[f"w{layer + 1}"], hidden[-1], network.upper_bias, z)
            value, derivative = network.layers[layer].value_and_derivative(z, first, second)
            hidden.append(value + hidden[-1] if layer and network.residual else value)
            derivatives.append(derivative)
        f = _affine(weights["a"], hidden[-1], network.output_bias)
        decrease, residual = self._signal(f)
        a = weights["a"][..., : hidden[-1].shape[1]]
        _store(slopes["a"], residual, hidden[-1], network.output_bias)
        if depth == 1 and network.outputs == 1 and is_narrow(columns.shape[1], columns.shape[2], a.shape[2]):
            weighted = torch.bmm(residual * columns, derivatives[0].transpose(1, 2))  # (B, D, m)
            torch.mul(weighted.transpose(1, 2), a.transpose(1, 2), out=slopes["w1"])
            return decrease
        back = _outer(a, residual)
        for layer in reversed(range(depth)):
            through = derivatives[layer].mul_(back)
            if layer == 0:
                _store(slopes["w1"], through, columns, False)
                break
            name = f"w{layer + 1}"
            _store(slopes[name], through, hidden[layer - 1], network.upper_bias)
            below = torch.bmm(weights[name][..., : hidden[layer - 1].shape[1]].transpose(1, 2), through)
            back = below.add_(back) if network.residual else below
        return decrease


def _affine(weights: Tensor, hidden: Tensor, bias: bool, out: Tensor | None = None) -> Tensor:
    if not bias:
        return torch.bmm(weights, hidden, out=out)
    return torch.bmm(weights[..., :-1], hidden, out=out).add_(weights[..., -1:])


def is_narrow(dimension: int, samples: int, width: int) -> bool:
    """Whether to take a out of the sum over samples: a product (D, n) and a transposed pass over (D, m), which
    costs twice, instead of two passes over (m, n)."""
    return dimension * (samples + 2 * width) < 2 * width * samples


def _outer(a: Tensor, residual: Tensor) -> Tensor:
    """Σ_k a_k residual_k over the outputs, (B, m, n): for one output a product, not a sum of one term."""
    across = a.transpose(1, 2)
    return across * residual if a.shape[1] == 1 else torch.bmm(across, residual)


def _store(slope: Tensor, through: Tensor, below: Tensor, bias: bool) -> None:
    """Σ_i through_i below_iᵀ, and Σ_i through_i as bias column, into `slope`."""
    target = slope[..., : below.shape[1]]
    if below.shape[1] < min(through.shape[1], _SMALL):  # the longer side last: BLAS prefers it so
        target.copy_(torch.bmm(below, through.transpose(1, 2)).transpose(1, 2))
    elif slope.shape[0] == 1 and not bias:
        torch.mm(through[0], below[0].T, out=slope[0])
    else:
        target.copy_(torch.bmm(through, below.transpose(1, 2)))
    if bias:
        torch.sum(through, -1, out=slope[..., -1])
