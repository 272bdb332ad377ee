"""Peak memory predicted before a run, and a refusal with the numbers where it cannot fit."""

import os

import torch
from torch import Tensor

from .errors import NumericsError
from .gradient import block_members, hidden_bytes
from .networks import Network

# ended, running, previous, gradient; a snapshot; one temporary of the optimiser
ROWS_BEYOND_MEMORY = 6


def training_bytes(
    network: Network,
    samples: int,
    members: int,
    dtype: torch.dtype,
    device: torch.device,
    memories: int,
    kept_snapshots: int,
) -> int:
    """Predicted peak bytes of a training run beyond what is loaded already.

    Rows of parameters, one block of hidden layers, the data, and the snapshots that are kept. Through
    automatic differentiation (convolutions) the block counts twice: values are saved for the backward pass.
    """
    rows = (ROWS_BEYOND_MEMORY + memories + kept_snapshots) * members * network.size * dtype.itemsize
    block = block_members(network, samples, dtype, device, members)
    hidden = block * hidden_bytes(network, samples, dtype) * (2 if network.convolution is not None else 1)
    data = 2 * samples * (network.inputs + 1 + network.outputs) * dtype.itemsize
    signal = 4 * block * samples * (network.outputs + network.shapes["w1"][1]) * dtype.itemsize
    return rows + hidden + data + signal


def available_bytes(device: torch.device) -> int:
    """Bytes that can be allocated now on the device; physical memory not in use, on the host."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")) * 1024
    except (OSError, StopIteration):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def require(needed: int, device: torch.device, what: str) -> None:
    """Raises NumericsError, with both numbers, where `needed` bytes are more than the device has."""
    available = available_bytes(device)
    if needed > available:
        numbers = f"{needed / 2**30:.1f} GiB and {available / 2**30:.1f} GiB are available on {device}"
        raise NumericsError(f"{what} needs {numbers}: use fewer members, samples or snapshots")


def require_training(
    network: Network, samples: int, flat: Tensor, memories: int, kept_snapshots: int
) -> None:
    """`require` for a training run that starts from the rows `flat`."""
    members, device = flat.shape[0], flat.device
    needed = training_bytes(network, samples, members, flat.dtype, device, memories, kept_snapshots)
    require(needed, device, f"training {members} networks of {network.size} parameters on {samples} samples")
