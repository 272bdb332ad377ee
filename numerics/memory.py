"""Memory of the machine, the peak memory of the flows predicted before a run, and the refusal of one that cannot fit.

The counts of arrays below are those alive at the peak, at the end, when results are put into their final order;
measured within 1.3 times over sizes, times and dimensions.
"""

from __future__ import annotations

import os

from numerics.errors import NumericsError


def available_bytes() -> int:
    """Bytes of physical memory that can be allocated now."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")) * 1024
    except (OSError, StopIteration):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def refuse_beyond(needed: int, available: int, what: str, where: str, remedy: str) -> None:
    """Raises NumericsError, with both numbers, where `needed` bytes are more than there are."""
    if needed > available:
        numbers = f"{needed / 2**30:.1f} GiB and {available / 2**30:.1f} GiB are available {where}"
        raise NumericsError(f"{what} needs {numbers}: use fewer {remedy}")


_NUMBER = 8
_STAGES = 15  # rows of a step's workspace for each entry of the state


def leading_flow_bytes(
    neurons: int, dimension: int, times: int, width: int, samples: int = 0, *, kinks: bool = False
) -> int:
    """Predicted peak bytes of `leading_flow` beyond its arguments.

    ``times`` is the number of requested times, 0 to the end; ``width`` the neurons in a working block; ``samples``
    those that the force keeps; ``kinks`` whether all neurons go from kink to kink at once (one-sided, p = 1).
    """
    state = dimension + 1
    each = (3 * times + 2) * state + 24 if times else 8 * state + 25
    if kinks:
        return _NUMBER * neurons * (each + 15 * samples // 2)
    return _NUMBER * (neurons * each + min(neurons, width) * (_STAGES * (state + 2) + 4 * samples))


def gradient_flow_bytes(
    neurons: int, dimension: int, outputs: int, samples: int, scales: int, times: int
) -> int:
    """Predicted peak bytes of `gradient_flow` of one network at E ``scales`` with S ``times``: some 22 states of a step
    and two of each requested time, and five hidden layers."""
    state = neurons * (dimension + outputs) * scales
    return _NUMBER * ((2 * times + 22) * state + 5 * neurons * samples * scales)


def require(needed: int, what: str) -> None:
    """Raises NumericsError, with both numbers, where `needed` bytes are more than the machine has."""
    refuse_beyond(needed, available_bytes(), what, "on cpu", "neurons, samples or times")
