"""Initial laws: explicit standard deviations per parameter group, and a generator of its own for every
member."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from operator import index
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from numerics.errors import NumericsError
from numerics.nets import Network, Parameters

Array = NDArray[np.float64]
Scale = float | Sequence[float] | Array
Scales = Scale | Mapping[str, Scale]


class Law(Protocol):
    """Draws one member: standard normals scaled group by group, before or after a constraint between
    groups."""

    def draw(
        self, network: Network, scales: Mapping[str, float], generator: np.random.Generator
    ) -> dict[str, Array]: ...


@dataclass(frozen=True)
class Gaussian:
    """Every parameter of a group independent N(0, std²)."""

    def draw(
        self, network: Network, scales: Mapping[str, float], generator: np.random.Generator
    ) -> dict[str, Array]:
        return {
            name: scales[name] * generator.standard_normal(shape) for name, shape in network.shapes.items()
        }


@dataclass(frozen=True)
class Balanced:
    """Input weights N(0, std²) and a_j = ± ‖w_j‖/√p: the invariant ‖w‖² - p a² of the leading flow is zero.

    Two-layer networks with one output; `multiplicity` is p. The output weights' own std is not used.
    """

    multiplicity: int = 1

    def __post_init__(self) -> None:
        if self.multiplicity < 1:
            raise NumericsError(f"Balanced needs a multiplicity of at least 1, not {self.multiplicity}")

    def draw(
        self, network: Network, scales: Mapping[str, float], generator: np.random.Generator
    ) -> dict[str, Array]:
        if (
            network.depth != 1
            or network.outputs != 1
            or network.output_bias
            or network.convolution is not None
        ):
            raise NumericsError(
                "the balanced law needs a two-layer network with one output and no output bias"
            )
        w = scales["w1"] * generator.standard_normal(network.shapes["w1"])
        signs = generator.choice([-1.0, 1.0], size=w.shape[0])
        return {"w1": w, "a": (signs * np.linalg.norm(w, axis=1) / sqrt(self.multiplicity))[None, :]}


def initialise(
    network: Network,
    std: Scales,
    seeds: int | Sequence[int],
    *,
    law: Law | None = None,
    widths: Sequence[int | tuple[int, ...]] | None = None,
    dtype: torch.dtype = torch.float64,
    device: str | torch.device = "cpu",
) -> Parameters:
    """Parameters (B, fan out, fan in) of one member per seed, each from its own generator.

    `std` is a number, an array of one number per member, or a mapping from group (w1, ..., a) to either.
    `seeds` is a list, or a count B meaning 0 .. B-1. A member depends on its seed and std alone, never on its
    batch. Draws are made in float64 on the host whatever the dtype and device.

    `widths`, one for each member (of all hidden layers, or of each), at most the network's, make an ensemble
    of widths: the remaining neurons have zero weights in and out and keep them under every optimiser, since
    σ(0) = 0 is required; a member is the one that a network of its own width draws. Raises NumericsError for
    unknown groups, negative std, or widths that cannot be had so.

    >>> weights = numerics.initialise(numerics.Network(inputs=5, widths=50), 1e-3, 8)
    >>> {name: tuple(value.shape) for name, value in weights.items()}
    {'w1': (8, 50, 6), 'a': (8, 1, 50)}
    """
    members = _members(seeds)
    if dtype not in (torch.float64, torch.float32):
        raise NumericsError(f"dtype is {dtype}; accepted are torch.float64 and torch.float32")
    place = _device(device)
    scales = _per_member(network, std, len(members))
    law = Gaussian() if law is None else law
    if not hasattr(law, "draw"):
        raise NumericsError(
            f"law is {law!r}; Gaussian(), Balanced(p) or another with a method draw is needed"
        )
    narrowed = [network] * len(members) if widths is None else _narrowed(network, widths, len(members))
    draws = []
    for member, (seed, own) in enumerate(zip(members, narrowed, strict=True)):
        generator = np.random.default_rng(np.random.SeedSequence(seed))
        drawn = law.draw(own, {name: s[member] for name, s in scales.items()}, generator)
        draws.append(drawn if own is network else _padded(network, own, drawn))
    return {
        name: torch.as_tensor(np.stack([draw[name] for draw in draws]), dtype=dtype, device=place)
        for name in network.shapes
    }


def _narrowed(network: Network, widths: Sequence[int | tuple[int, ...]], members: int) -> list[Network]:
    assert isinstance(network.widths, tuple)
    if network.convolution is not None or any(float(layer.value(torch.zeros(1))) for layer in network.layers):
        raise NumericsError(
            "widths of members need σ(0) = 0 in every layer and no convolution: train each width by itself"
        )
    count = len(widths) if isinstance(widths, Sequence | np.ndarray) else "no list of"
    if count != members:
        raise NumericsError(f"{count} widths for {members} members: give one for each")
    own = [
        replace(network, widths=tuple(width) if isinstance(width, tuple | list) else (width,) * network.depth)
        for width in widths
    ]
    for each in own:
        assert isinstance(each.widths, tuple)
        if len(each.widths) != network.depth or any(
            m > limit for m, limit in zip(each.widths, network.widths, strict=False)
        ):
            raise NumericsError(
                f"widths {each.widths} of a member do not fit in the network's {network.widths}"
            )
    return own


def _padded(network: Network, own: Network, drawn: Mapping[str, Array]) -> dict[str, Array]:
    """The weights of a narrower network among zeros; a bias stays the last column."""
    whole = {}
    for name, shape in network.shapes.items():
        part, bias = drawn[name], int(network.bias_of(name))
        whole[name] = np.zeros(shape)
        rows, columns = part.shape
        whole[name][:rows, : columns - bias] = part[:, : columns - bias]
        if bias:
            whole[name][:rows, -1] = part[:, -1]
    return whole


def _members(seeds: int | Sequence[int]) -> list[int]:
    try:
        if isinstance(seeds, str):
            raise TypeError
        members = [index(seed) for seed in (seeds if isinstance(seeds, Iterable) else range(index(seeds)))]
    except TypeError:
        members = []
    if not members or min(members) < 0:
        raise NumericsError(f"seeds must be a positive count or a list of integers ≥ 0, not {seeds!r}")
    return members


def _device(device: str | torch.device) -> torch.device:
    try:
        place = torch.device(device)
        torch.empty(1, device=place)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = (str(error).splitlines() or ["not usable here"])[0][:120]
        raise NumericsError(f"device {str(device)!r} cannot be used ({reason}); 'cpu' always can") from error
    return place


def _per_member(network: Network, std: Scales, members: int) -> dict[str, Array]:
    groups = std if isinstance(std, Mapping) else dict.fromkeys(network.shapes, std)
    if set(groups) != set(network.shapes):
        raise NumericsError(
            f"std is given for {sorted(groups)}; this network's groups are {list(network.shapes)}"
        )
    scales = {}
    for name, value in groups.items():
        try:
            scale = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError):
            scale = np.array(np.nan)
        if scale.shape not in ((), (members,)) or not np.isfinite(scale).all() or (scale < 0).any():
            raise NumericsError(
                f"std of {name!r} must be one finite number ≥ 0, or one for each of {members} members"
            )
        scales[name] = np.broadcast_to(scale, (members,))
    return scales
