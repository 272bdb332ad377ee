"""The named activations: data only, a formula in z, aliases, and where the definition is from.

Every formula is PyTorch's, with its default parameters, where PyTorch has the function; constants are exact
decimals.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from types import MappingProxyType

from theory.errors import TheoryError


@dataclass(frozen=True)
class Entry:
    """A named activation: its formula in z, other names for it, and the source of the definition."""

    name: str
    formula: str
    aliases: tuple[str, ...] = ()
    source: str = "torch.nn.functional"


_ENTRIES = (
    Entry("identity", "z", ("linear",), "torch.nn"),
    Entry("tanh", "tanh(z)"),
    Entry("xtanh", "z*tanh(z)", ("x_tanh",), "arXiv 2105.11686"),
    Entry("x2tanh", "z**2*tanh(z)", ("x2_tanh",), "arXiv 2105.11686"),
    Entry("sigmoid", "1/(1 + exp(-z))", ("logistic", "expit")),
    Entry("logsigmoid", "-log(1 + exp(-z))", ("log_sigmoid",)),
    Entry("softplus", "log(1 + exp(z))"),
    Entry("relu", "max(0, z)"),
    Entry("leaky_relu", "max(0, z) + 0.01*min(0, z)", ("leakyrelu", "lrelu")),
    Entry("relu2", "max(0, z)**2", ("squared_relu",), "arXiv 2109.08668"),
    Entry("relu6", "min(max(0, z), 6)"),
    Entry("elu", "max(0, z) + min(0, exp(z) - 1)"),
    Entry(
        "selu",
        "1.0507009873554804934193349852946*"
        "(max(0, z) + min(0, 1.6732632423543772848170429916717*(exp(z) - 1)))",
    ),
    Entry("celu", "max(0, z) + min(0, exp(z) - 1)"),
    Entry("gelu", "z/2*(1 + erf(z/sqrt(2)))"),
    Entry("gelu_tanh", "z/2*(1 + tanh(sqrt(2/pi)*(z + 0.044715*z**3)))", ("gelu_new",)),
    Entry("silu", "z/(1 + exp(-z))", ("swish",)),
    Entry("mish", "z*tanh(log(1 + exp(z)))"),
    Entry("erf", "erf(z)", (), "torch.special"),
    Entry("sin", "sin(z)", ("sine",), "torch"),
    Entry("cos", "cos(z)", ("cosine",), "torch"),
    Entry("arctan", "atan(z)", ("atan",), "torch"),
    Entry("softsign", "z/(1 + abs(z))"),
    Entry("tanhshrink", "z - tanh(z)"),
    Entry("hardtanh", "max(-1, min(1, z))", ("hard_tanh",)),
    Entry("hardsigmoid", "min(max(0, z + 3), 6)/6", ("hard_sigmoid",)),
    Entry("hardswish", "z*min(max(0, z + 3), 6)/6", ("hard_swish",)),
    Entry("abs", "abs(z)", ("absolute",), "torch"),
    Entry("square", "z**2", (), "torch"),
    Entry("cube", "z**3", (), "the third power"),
    Entry("expm1", "exp(z) - 1", (), "torch"),
    Entry("logcosh", "log(cosh(z))", ("log_cosh",), "log-cosh, even, multiplicity 2"),
    Entry("gaussian", "exp(-z**2)", (), "radial basis function exp(-z²)"),
)

CATALOGUE = MappingProxyType({entry.name: entry for entry in _ENTRIES})
ALIASES = MappingProxyType({alias: entry.name for entry in _ENTRIES for alias in entry.aliases})


def find(name: str) -> Entry | None:
    """The entry of a name or alias, in any case, with - or _ or a space; None when the catalogue has no such name."""
    key = re.sub(r"(?<=\w)(-|\s+)(?=\w)", "_", name.strip().lower())  # inside only: -tanh is not a name
    return CATALOGUE.get(ALIASES.get(key, key))


def entry(name: str) -> Entry:
    """The entry of a name or alias.  Raises TheoryError with close matches for an unknown name."""
    found = find(name)
    if found is None:
        raise TheoryError(f"unknown activation {name.strip()[:40]!r}; {suggest(name)}")
    return found


def suggest(name: str, others: tuple[str, ...] = ()) -> str:
    """What would be accepted instead of an unknown name: close matches, or the start of the list."""
    names = sorted({*CATALOGUE, *ALIASES, *others})
    close = difflib.get_close_matches(name.strip().lower(), names, n=3, cutoff=0.6)
    if close:
        return "did you mean " + " or ".join(close) + "?"
    return (
        "accepted: "
        + ", ".join(list(CATALOGUE)[:12])
        + ", ..., or a formula in one variable such as x**2*tanh(x)"
    )
