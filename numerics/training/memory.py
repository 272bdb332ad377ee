"""Peak memory predicted before a run, and a refusal with the numbers where it cannot fit."""

import torch
from torch import Tensor

from numerics import memory as host
from numerics.nets import Network
from numerics.nets.gradient import activation_kind, block_members, hidden_bytes, is_narrow, network_kind

# ended, running, previous, gradient; a snapshot; one temporary of the optimiser
ROWS_BEYOND_MEMORY = 6
# Arrays of the size of the widest layer beside a block's buffers. A backward pass through torch has the gradient in the
# values of one layer, and of two in a deeper network; activations without a pair of their own take value, derivative
# and their terms besides.
BACKWARD_LAYERS, UNWRITTEN_LAYERS = 2, 2


def training_bytes(
    network: Network,
    samples: int,
    members: int,
    dtype: torch.dtype,
    device: torch.device,
    memories: int,
    kept_snapshots: int,
    batch_size: int | None = None,
) -> int:
    """Predicted peak bytes of a training run beyond what is loaded already.

    Rows of parameters, one block of hidden layers with what passes through it at once (on a mini-batch, if there is
    one), the data, and the snapshots that are kept.  Through automatic differentiation (convolutions) the block counts
    twice: values are saved for the backward pass.
    """
    rows = (ROWS_BEYOND_MEMORY + memories + kept_snapshots) * members * network.size * dtype.itemsize
    block = block_members(network, samples, dtype, device, members)
    column = block * samples * dtype.itemsize
    passed = block * (batch_size or samples) * dtype.itemsize
    hidden = block * hidden_bytes(network, samples, dtype, device)
    if network.convolution is not None:
        hidden *= 2
    elif network_kind(network, dtype, device) is None:
        widths = [shape[0] for name, shape in network.shapes.items() if name != "a"]
        known = [activation_kind(layer, dtype, device) is not None for layer in network.layers]
        written = all(one or layer.pair is not None for one, layer in zip(known, network.layers, strict=True))
        hidden += min(network.depth, BACKWARD_LAYERS) * max(widths) * passed
        hidden += 0 if written else UNWRITTEN_LAYERS * max(widths) * column
        hidden += sum(widths) * column if network.residual else 0
    # The columns of the data, and the rows themselves where they are not the caller's.
    copies = 1 if dtype == torch.float64 and device.type == "cpu" else 2
    data = copies * samples * (network.inputs + 1 + network.outputs) * dtype.itemsize
    dimension = network.shapes["w1"][1]
    weighted = network.depth == 1 and network.outputs == 1
    narrow = weighted and is_narrow(dimension, samples, network.shapes["w1"][0])
    signal = column * (4 * network.outputs + (dimension if narrow else 0))
    return rows + hidden + data + signal


def available_bytes(device: torch.device) -> int:
    """Bytes that can be allocated now on the device; physical memory not in use, on the host."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else host.available_bytes()


def require(needed: int, device: torch.device, what: str) -> None:
    """Raises NumericsError, with both numbers, where `needed` bytes are more than the device has."""
    host.refuse_beyond(needed, available_bytes(device), what, f"on {device}", "members, samples or snapshots")


def require_training(
    network: Network,
    samples: int,
    flat: Tensor,
    memories: int,
    kept_snapshots: int,
    batch_size: int | None = None,
) -> None:
    """`require` for a training run that starts from the rows `flat`."""
    members, device = flat.shape[0], flat.device
    needed = training_bytes(
        network, samples, members, flat.dtype, device, memories, kept_snapshots, batch_size
    )
    require(needed, device, f"training {members} networks of {network.size} parameters on {samples} samples")
