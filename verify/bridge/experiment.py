"""Experiment: the one frozen description from which theory and numerics both start.

Repeating a run from what it has left on disk.
"""

from __future__ import annotations

import copy
import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from numerics.data import Dataset, load, read_npz
from numerics.errors import NumericsError
from theory import Problem, activation, loss
from verify.errors import UsageError
from verify.verdict import finite

OptimizerName = Literal["gd", "momentum", "adam", "sign"]


@dataclass(frozen=True)
class Experiment:
    """A two-layer network, its data, its initialisation and its training.

    `width` None: 50, or what the regime needs (σ(0) ≠ 0: a width at which the signs split in the initial stage);
    `init_std` is the standard deviation of every parameter at the start (None: 1e-5 for order 1, 1e-3 above);
    `lr` None asks for steps of `step` in rescaled time, a number for a fixed learning rate; `fraction` is the fall of
    the loss that ends the initial stage (None: 0.001 for order 1, 0.01 above, less where theory needs less);
    `seeds` networks are drawn from `seed`.  With `output_bias` the fraction is of the loss that the best constant leaves.
    `target` names the target column of a .csv (None: the last), `drop` columns left out; a Dataset has its own.
    `loss` is a name (half-mse, mse, logistic, cross-entropy, huber) or a formula in f and y such as (f - y)**4.
    `data_sha256` is the fingerprint (`Experiment.fingerprint`) that the data must have, None for any.
    Raises UsageError or TheoryError for values that make no sense.
    """

    data: str | Path | Dataset = "sine5"
    activation: str = "tanh"
    loss: str = "half-mse"
    bias: bool = True
    output_bias: bool = False
    optimizer: str = "gd"
    width: int | None = None
    init_std: float | None = None
    lr: float | None = None
    step: float = 0.01
    seed: int = 0
    seeds: int = 8
    fraction: float | None = None
    standardize: bool = False
    target: str | None = None
    drop: tuple[str, ...] = ()
    device: str = "cpu"
    max_paths: int = 20_000
    data_sha256: str | None = field(default=None, repr=False, compare=False)
    dataset: Dataset = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # These raise where a name or formula is none.
        loss(self.loss)
        activation(self.activation)
        if self.optimizer not in get_args(OptimizerName):
            raise UsageError(
                f"unknown optimizer {self.optimizer!r}; accepted: {', '.join(get_args(OptimizerName))}"
            )
        for name, least in (("width", 1), ("seeds", 1), ("max_paths", 1), ("seed", 0)):
            value = getattr(self, name)
            if value is None and name == "width":
                continue
            if not isinstance(value, int | np.integer) or value < least:
                raise UsageError(f"{name} is {value!r}; accepted: a whole number of at least {least}")
        for name in ("init_std", "lr", "step"):
            value = getattr(self, name)
            if value is not None and not (_is_number(value) and math.isfinite(value) and value > 0):
                raise UsageError(f"{name} is {value!r}; accepted: a finite number above 0")
        if self.fraction is not None and not (_is_number(self.fraction) and 0 < self.fraction < 1):
            raise UsageError(f"fraction is {self.fraction!r}; accepted: a number between 0 and 1")
        if not isinstance(self.data, str | Path | Dataset):
            raise UsageError(
                f"data is of type {type(self.data).__name__}; accepted: the name of a data set, the path of a file, or "
                "numerics.Dataset(name, x, y)"
            )
        if isinstance(self.drop, str) or not all(isinstance(name, str) for name in self.drop):
            raise UsageError(f"drop is {self.drop!r}; accepted: a tuple of names of columns")
        object.__setattr__(self, "drop", tuple(self.drop))
        data = (
            self.data
            if isinstance(self.data, Dataset)
            else load(self.data, standardize=self.standardize, target=self.target, drop=self.drop)
        )
        object.__setattr__(self, "dataset", data)
        if self.data_sha256 is not None and self.data_sha256 != self.fingerprint:
            raise UsageError(
                f"data {data.name!r} have the fingerprint {self.fingerprint[:12]}..., not {str(self.data_sha256)[:12]}... "
                "(data_sha256): they are other data; accepted: those of the run, which lie in its folder as arrays.npz"
            )

    @cached_property
    def problem(self) -> Problem:
        """What theory is asked about, parsed once."""
        return Problem.of(
            self.dataset.x,
            self.dataset.y,
            self.activation,
            loss_function=self.loss,
            bias=self.bias,
            output_bias=self.output_bias,
            optimizer=self.optimizer,
        )

    @property
    def name(self) -> str:
        """A short name for tables: data (a file by its stem) and activation."""
        return f"{Path(self.dataset.name).stem}/{self.activation}"

    def data_json(self) -> dict[str, Any]:
        """The data in documents: name, target, inputs, samples n, outputs K and dimension D, the bias counted."""
        return {**self.dataset.to_json(), "dimension": self.dataset.inputs + self.bias, "bias": self.bias}

    @property
    def data_line(self) -> str:
        """The data in words, for the heading of a table: target, inputs, n and D."""
        data = self.dataset
        shown = [name if len(name) <= 24 else f"{name[:23]}…" for name in data.input_names[:8]]
        inputs = ", ".join(shown) + (f", ... ({data.inputs} inputs)" if data.inputs > 8 else "")
        outputs = "" if self.outputs == 1 else f", K = {self.outputs}"
        bias = " (bias counted)" if self.bias else ""
        target = data.target_name if len(data.target_name) <= 24 else f"{data.target_name[:23]}…"
        return (
            f"{data.name}: target {target}{outputs}; inputs {inputs}; n = {data.samples}, "
            f"D = {data.inputs + self.bias}{bias}"
        )

    @property
    def targets(self) -> np.ndarray:
        """The targets as the network is trained on them: (n,), or (n, K) for K outputs, labels made one-hot."""
        y = self.dataset.y
        if self.loss != "cross-entropy" or y.ndim == 2:
            return y
        loss(self.loss).targets(y)  # refuses what is no label, and a class without a sample
        # Of its own, not theory's rows: what the network is trained on is a witness.
        return np.eye(max(int(y.max()) + 1, 2))[y.astype(int)]

    @property
    def outputs(self) -> int:
        """K, the number of outputs."""
        goals = self.targets
        return 1 if goals.ndim == 1 else goals.shape[1]

    def spawn(self) -> list[int]:
        """One independent 64-bit seed for each network; the first ones do not depend on how many there are."""
        return [
            int(s.generate_state(1, np.uint64)[0])
            for s in np.random.SeedSequence(self.seed).spawn(self.seeds)
        ]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the inputs and targets as little-endian binary64 numbers, row by row."""
        digest = hashlib.sha256()
        for array in (self.dataset.x, self.dataset.y):
            digest.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
        return digest.hexdigest()

    def pinned(self) -> Experiment:
        """The same experiment on the data as they were read: a file that changes from now on changes nothing."""
        return self._with(data=self.dataset)

    def settled(self, **values: Any) -> Experiment:
        """The same experiment on the same data with fields that a regime has decided; nothing is read anew."""
        return self._with(**values)

    def _with(self, **values: Any) -> Experiment:
        # dataclasses.replace would make the data set anew, from a file that may be another one by now.
        new = copy.copy(self)
        for name, value in values.items():
            object.__setattr__(new, name, value)
        return new

    def to_json(self) -> dict[str, Any]:
        """The fields, with the fingerprint of the data: `Experiment(**document)` is the same experiment wherever `data` is
        a name or a path, and is refused where other data are found there."""
        out = {
            f.name: finite(getattr(self, f.name)) for f in fields(self) if f.name not in ("data", "dataset")
        }
        name = self.dataset.name if isinstance(self.data, Dataset) else str(self.data)
        return {"data": name, **out, "data_sha256": self.fingerprint}

    @classmethod
    def from_json(
        cls, document: Mapping[str, Any], which: int = 0, *, folder: str | Path | None = None
    ) -> Experiment:
        """The experiment number `which` of a run's `run.json`, as it was asked for: `verify.run` of it repeats the run.

        The data are found by their name or path, or else in the run folder: `folder`, or that of the document (`run_dir`).
        Raises UsageError, in one line, for documents that are none and where only other data are found.
        """

        return repeated(document, which, folder)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating)


ARRAYS = "arrays.npz"  # in the folder of each experiment
_KINDS = dict.fromkeys(("data", "activation", "loss", "optimizer", "device"), str) | dict.fromkeys(
    ("bias", "standardize"), bool
)
_NEEDED = "the run.json of a run that has finished is needed"


def repeated(document: Mapping[str, Any], which: int, folder: str | Path | None) -> Experiment:
    """The experiment number `which` of a run's document, see `Experiment.from_json`."""
    asked, details = _entry(document, which)
    wanted = asked.pop("data_sha256", None)
    try:
        found = Experiment(**asked)
        if wanted in (None, found.fingerprint):
            return found
        trouble = f"{found.dataset.name!r} has other data by now"
    except NumericsError as error:  # moved, or arrays that never were a file
        trouble = str(error)
    base = folder if folder is not None else document.get("run_dir")
    arrays = None if base is None else Path(base) / _plain(details.get("folder", ".")) / ARRAYS
    if arrays is not None and arrays.is_file():
        x, y = read_npz(arrays, ("x", "y"))
        return Experiment(**{**asked, "data": Dataset(asked["data"], x, y), "data_sha256": wanted})
    where = "and the document names no run folder" if arrays is None else f"and {arrays} is not there"
    raise UsageError(f"data of the run: {trouble}, {where}; accepted: folder=, the run folder") from None


def _entry(document: Mapping[str, Any], which: int) -> tuple[dict[str, Any], Mapping[str, Any]]:
    if not isinstance(document, Mapping):
        raise UsageError(f"a run document is a JSON object, not {type(document).__name__}; {_NEEDED}")
    listed = document.get("asked") or document.get("experiments")
    if not (isinstance(listed, list) and all(isinstance(each, Mapping) for each in listed)):
        raise UsageError(f"the document lists no experiments; {_NEEDED}")
    if not isinstance(which, int) or not 0 <= which < len(listed):
        raise UsageError(f"experiment {which!r} of {len(listed)}; accepted: 0 to {len(listed) - 1}")
    asked = dict(listed[which])
    asked.pop("data_shape", None)  # of documents before it stood with the details
    known = {field.name: field for field in fields(Experiment) if field.init}
    for name in asked:
        if name not in known:
            raise UsageError(f"experiment {which} has an unknown field {name!r}; {_NEEDED}")
    for name, kind in _KINDS.items():
        if not isinstance(asked.get(name), kind):
            raise UsageError(f"experiment {which}: {name} is {str(asked.get(name))[:60]!r}; {_NEEDED}")
    details = document.get("details")
    here = details[which] if isinstance(details, list) and which < len(details) else {}
    return asked, here if isinstance(here, Mapping) else {}


def _plain(name: object) -> str:
    """The name of a folder just below; anything else, of a document from a stranger, leads nowhere."""
    if not (isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9._-]+", name) and name != ".."):
        raise UsageError(f"folder {name!r} is not one of the run's own; {_NEEDED}")
    return name
