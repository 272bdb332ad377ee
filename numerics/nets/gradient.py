"""Risk decrease and gradient of many networks at once, by a hand-written backward pass in blocks that fit the
cache.

Members are treated in blocks whose hidden layers stay in the second-level cache; all large passes write into
buffers that are allocated once. Narrow two-layer networks on the CPU go through compiled passes, all others through
torch. With one output and one hidden layer the output weight leaves the sum over samples,

    ∂R/∂w_j = a_j · mean_i (s_i σ'(w_j·x_i) x_i),

so that no (m, n) product with a is ever formed. Convolutions go through automatic differentiation instead.
"""

import torch
from torch import Tensor

from numerics import kernels
from numerics.nets import Network, Parameters, views
from numerics.nets.activations import CATALOGUE, TorchActivation
from numerics.nets.losses import Loss

# Of hidden-layer buffers per thread. Measured for 5-50-1 networks: below 2^21 the calls' own cost shows
# (59 against 39 µs a network-step at 2^20), above 2^23 the memory's.
CACHE_BYTES = 2**22
_SECONDS = 1.2e-9  # of one sample at one hidden neuron in a compiled pass forward and back, about


def activation_kind(activation: TorchActivation, dtype: torch.dtype, device: torch.device) -> int | None:
    """The number by which `kernels` knows an activation of the catalogue on such tensors, or None."""
    known = CATALOGUE.get(activation.name) is activation
    return kernels.kind_of(activation.name, dtype, device) if known else None


def network_kind(network: Network, dtype: torch.dtype, device: torch.device) -> int | None:
    """The `activation_kind` of a network that goes through the compiled passes, or None."""
    two_layers = network.depth == 1 and network.convolution is None
    thin = two_layers and kernels.is_thin(network.shapes["w1"][1], network.outputs)
    return activation_kind(network.layers[0], dtype, device) if thin else None


def block_members(
    network: Network, samples: int, dtype: torch.dtype, device: torch.device, members: int
) -> int:
    """How many members are treated at once: what fits the cache on a CPU, all of them elsewhere.

    A convolution, whose backward pass is not ours, is treated alone: a batch would change its last bits.
    """
    if device.type != "cpu":
        return members
    if network.convolution is not None:
        return 1
    per_member = hidden_bytes(network, samples, dtype, device)
    return max(1, min(members, CACHE_BYTES * torch.get_num_threads() // per_member))


def hidden_bytes(network: Network, samples: int, dtype: torch.dtype, device: torch.device) -> int:
    """Bytes of one member's hidden-layer buffers: value and derivative of every neuron, and its pre-activation
    unless the activation is compiled, which writes over it."""
    positions = network.convolution.positions if network.convolution is not None else 1
    rows = [shape[0] for name, shape in network.shapes.items() if name != "a"]
    rows[0] *= positions
    by_hand = network.convolution is None
    kinds = [activation_kind(layer, dtype, device) if by_hand else None for layer in network.layers]
    arrays = sum(width * (3 if kind is None else 2) for width, kind in zip(rows, kinds, strict=True))
    return arrays * samples * dtype.itemsize


class RiskGradient:
    """The map (parameters of B members) -> (decrease of the risk from zero output, gradient of the risk)."""

    def __init__(self, network: Network, x: Tensor, y: Tensor, loss: Loss, members: int) -> None:
        """Takes `x` (n, inputs) and `y` (K, n), dtype and device as the parameters, for at most `members`."""
        self.network, self.loss, self.x, self.y = network, loss, x, y
        ones = torch.ones(1, x.shape[0], dtype=x.dtype, device=x.device)
        self.columns = torch.cat([x.T, ones]) if network.hidden_bias else x.T.contiguous()
        self.block = block_members(network, x.shape[0], x.dtype, x.device, members)
        self.kind = network_kind(network, x.dtype, x.device)
        self.kinds = [activation_kind(layer, x.dtype, x.device) for layer in network.layers]
        widths = [] if network.convolution else [s[0] for name, s in network.shapes.items() if name != "a"]
        self.buffers = [
            [
                torch.empty(self.block, m, x.shape[0], dtype=x.dtype, device=x.device)
                for _ in range(3 if kind is None else 2)
            ]
            for m, kind in zip(widths, self.kinds, strict=False)
        ]

    def __call__(self, flat: Tensor, gradient: Tensor) -> Tensor:
        """Writes ∂R/∂θ (B, size) into `gradient` and returns the decrease R(f = 0) - R, shape (B,)."""
        chunk = self._by_hand if self.kind is None else self._compiled
        if self.network.convolution is not None:
            chunk = self._by_autograd
        # Small results that live on between the blocks would be cut out of the freed large ones and keep their
        # places from being used again: one array takes them all.
        decrease = flat.new_empty(flat.shape[0])
        for start in range(0, flat.shape[0], self.block):
            rows = slice(start, start + self.block)
            chunk(flat[rows], gradient[rows], decrease[rows])
        return decrease

    def measure(self, flat: Tensor) -> tuple[Tensor, Tensor]:
        """The decrease R(f = 0) - R and the risk R itself, both (B,), from a plain forward pass."""
        decreases, values = flat.new_empty(2, flat.shape[0])
        for start in range(0, flat.shape[0], self.block):
            rows = slice(start, start + self.block)
            weights = views(self.network, flat[rows])
            if self.network.convolution is None:
                hidden, _ = self._hidden(weights, len(flat[rows]))
                f = kernels.affine(weights["a"], hidden[-1], self.network.output_bias)
            else:
                f = self.network.forward(weights, self.x)
            torch.mean(self.loss.decrease(f, self.y), -1, out=decreases[rows])
            torch.mean(self.loss.value(f, self.y), -1, out=values[rows])
        return decreases, values

    def _signal(self, f: Tensor, decrease: Tensor) -> Tensor:
        """∂R/∂f at the outputs f; R(f = 0) - R goes into `decrease`."""
        torch.mean(self.loss.decrease(f, self.y), -1, out=decrease)
        return self.loss.gradient(f, self.y).div_(f.shape[-1])

    def _by_autograd(self, flat: Tensor, gradient: Tensor, decrease: Tensor) -> None:
        leaf = (
            flat.detach().clone().requires_grad_()
        )  # a copy starts at a multiple of 64 bytes, see `kernels.products`
        with torch.enable_grad():
            f = self.network.forward(views(self.network, leaf), self.x)
        residual = self._signal(f.detach(), decrease)
        gradient.copy_(torch.autograd.grad(f, leaf, residual)[0])

    def _compiled(self, flat: Tensor, gradient: Tensor, decrease: Tensor) -> None:
        columns, bias = self.columns.numpy(), self.network.output_bias
        rows, slopes = flat.detach().numpy(), gradient.numpy()
        h, d = (buffer.numpy() for buffer in self.buffers[0])

        def part(start: int, stop: int) -> None:
            f = torch.empty(stop - start, self.network.outputs, columns.shape[1], dtype=flat.dtype)
            hidden, own = (h[start:stop], d[start:stop]), rows[start:stop]
            kernels.forward(self.kind, own, columns, bias, *hidden, f.numpy())
            residual = self._signal(f, decrease[start:stop]).contiguous().numpy()
            kernels.backward(own, columns, bias, *hidden, residual, slopes[start:stop])

        kernels.share_out(part, flat.shape[0], _SECONDS * flat.shape[0] * h.shape[1] * h.shape[2])

    def _hidden(self, weights: Parameters, members: int) -> tuple[list[Tensor], list[Tensor]]:
        """Values and derivatives (B, m, n) of every hidden layer, in the buffers where the activation allows."""
        network = self.network
        hidden: list[Tensor] = []
        derivatives: list[Tensor] = []
        for layer, kind in enumerate(self.kinds):
            z, *others = (buffer[:members] for buffer in self.buffers[layer])
            below, bias = (hidden[-1], network.upper_bias) if layer else (self.columns[None], False)
            kernels.affine(weights[f"w{layer + 1}"], below, bias, z)
            if kind is None:
                value, derivative = network.layers[layer].value_and_derivative(z, *others)
            else:
                value, derivative = z, others[0]
                kernels.activate(kind, value, derivative)
            hidden.append(value + hidden[-1] if layer and network.residual else value)
            derivatives.append(derivative)
        return hidden, derivatives

    def _by_hand(self, flat: Tensor, gradient: Tensor, decrease: Tensor) -> None:
        network, weights, slopes = self.network, views(self.network, flat), views(self.network, gradient)
        depth, columns = network.depth, self.columns[None]
        hidden, derivatives = self._hidden(weights, flat.shape[0])
        f = kernels.affine(weights["a"], hidden[-1], network.output_bias)
        residual = self._signal(f, decrease)
        width = hidden[-1].shape[1]
        kernels.store_slopes(slopes["a"], residual, hidden[-1], network.output_bias)
        if depth == 1 and network.outputs == 1 and is_narrow(columns.shape[1], columns.shape[2], width):
            kernels.store_slopes(slopes["w1"], derivatives[0], residual * columns, False)
            slopes["w1"].mul_(weights["a"][..., :width].transpose(1, 2))
            return
        back = kernels.pulled_back(weights["a"], residual, width)
        for layer in reversed(range(depth)):
            through = derivatives[layer].mul_(back)
            if layer == 0:
                kernels.store_slopes(slopes["w1"], through, columns, False)
                break
            name, width = f"w{layer + 1}", hidden[layer - 1].shape[1]
            kernels.store_slopes(slopes[name], through, hidden[layer - 1], network.upper_bias)
            below = kernels.pulled_back(weights[name], through, width)
            back = below.add_(back) if network.residual else below


def is_narrow(dimension: int, samples: int, width: int) -> bool:
    """Whether to take a out of the sum over samples: a product (D, n) and a transposed pass over (D, m), which
    costs twice, instead of two passes over (m, n)."""
    return dimension * (samples + 2 * width) < 2 * width * samples
