"""tanh on the CPU at a fraction of the cost of torch's, to one unit in the last place.

Training small networks spends most of its time in tanh. torch's vectorised double-precision tanh takes about
five times as long as NumPy's, which is a table of polynomials, correct to one unit in the last place at every
argument, tiny and huge ones included. Tensors on the CPU and NumPy arrays share their memory, so that nothing
is copied.
"""

import numpy as np
import torch
from torch import Tensor


def tanh(z: Tensor, out: Tensor) -> Tensor:
    """tanh z into ``out``, which may be z itself; outside of automatic differentiation."""
    if z.device.type != "cpu" or z.dtype not in (torch.float32, torch.float64):
        return torch.tanh(z, out=out)
    np.tanh(z.detach().numpy(), out=out.numpy())
    return out
