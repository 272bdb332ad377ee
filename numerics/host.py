"""Memory of the machine, and the refusal of a run that cannot fit in it."""

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
