"""The only place that knows both theory and numerics: comparisons, verdicts, reports, the command line.

Names are loaded when they are first used, so that `condense --help` does not wait for torch.
"""

from importlib import import_module
from typing import Any

from verify.rooms import refuse_shadowed

_HOME = {
    "Check": "verify.verdict",
    "Experiment": "verify.bridge.experiment",
    "Report": "verify.report",
    "UsageError": "verify.errors",
    "Verdict": "verify.verdict",
    "measure_order": "verify.order",
    "order_of_accuracy": "verify.order",
    "run": "verify.regimes.run",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'verify' has no attribute {name!r}")
    refuse_shadowed()
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
