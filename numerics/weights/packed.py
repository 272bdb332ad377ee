"""Weights whose numbers are not the stored ones: integers and 8-bit floats with scales beside them, packed words.

How a scale applies (by row, by block, divided by 127, with a zero point) is a matter of the library that wrote
the file, and nothing in the file tells it: such weights are refused by name.
"""

import re
from collections.abc import Mapping

from torch import Tensor

from numerics.errors import NumericsError

_PACKED = re.compile(
    r"(^|[._])(qweight|qzeros|_?packed_params|absmax|quant_map|quant_state|SCB|weight_packed)([._]|$)"
)
_WEIGHT = re.compile(r"(^|[._])(weight|kernel|w|W)\d*(:0)?$")
_ASK = "save them as ordinary floating-point numbers (dequantised)"


def refuse_packed(state: Mapping[str, Tensor]) -> None:
    """Raises NumericsError where a weight's numbers are not those that the layer computes with."""
    for name, tensor in state.items():
        if _PACKED.search(name) or tensor.is_quantized:
            raise NumericsError(
                f"{name!r} belongs to quantised weights, whose values it does not tell; {_ASK}"
            )
    for name, tensor in state.items():
        prefix, _, leaf = name.rpartition(".")
        start = f"{prefix}." if prefix else ""
        if not _WEIGHT.search(name) or tensor.ndim < 2:
            continue
        beside = [
            other
            for other in (
                *(f"{name}{end}" for end in ("_scale", "_scale_inv", "_scales", ".scale", "_zero_point")),
                *(f"{start}{end}" for end in (f"scale_{leaf}", "scales", "scale_inv", "zero_point")),
                *([f"{start}scale"] if tensor.element_size() == 1 else []),
            )
            if other in state
        ]
        if beside:
            raise NumericsError(
                f"{name!r} ({_kind(tensor)}) is stored with a scale beside it, {beside[0]!r}, and how they make the"
                f" weight is not told; {_ASK}"
            )
        if not tensor.is_floating_point():
            raise NumericsError(f"{name!r} holds {_kind(tensor)} numbers, no floating-point weights; {_ASK}")


def _kind(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
