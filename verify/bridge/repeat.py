"""Repeating a run from what it has left on disk."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from numerics import Dataset, NumericsError
from numerics.data.datasets import read_npz
from verify.bridge.experiment import Experiment
from verify.errors import UsageError

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
