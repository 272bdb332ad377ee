"""What the experiments of one run are called: in the report and on disk, each by a name that no other one has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from verify.bridge.experiment import Experiment

LENGTH = 80  # characters of a key: file systems take 255 bytes, and a formula may have 2,000 characters


def labels(experiments: Sequence[Experiment]) -> tuple[str, ...]:
    """A name for each experiment that no other one of the list has, whatever their fields are.

    It is `Experiment.name`, followed, where several have the same, by the fields in which those differ, and by a number
    where they differ in nothing.
    """
    documents = [each.to_json() for each in experiments]
    names = [each.name for each in experiments]
    found = []
    for name, document in zip(names, documents, strict=True):
        rivals = [other for other, theirs in zip(documents, names, strict=True) if theirs == name]
        differ = [key for key in document if any(other[key] != document[key] for other in rivals)]
        if "data" in differ:
            differ.remove("data_sha256") if "data_sha256" in differ else None
        found.append(", ".join([name, *(_shown(key, document[key]) for key in differ)]))
    return _unique(found, " #")


def keys(experiments: Sequence[Experiment]) -> tuple[str, ...]:
    """The name of each experiment's folder: its label in letters, digits, `.`, `_` and `-`, of at most some 90 characters.

    No two are equal, not even where a file system takes capitals for small letters.
    """
    plain = (re.sub(r"[^A-Za-z0-9._]+", "-", label)[:LENGTH].strip("-.") for label in labels(experiments))
    return _unique((each or "experiment" for each in plain), "-")


def _shown(key: str, value: object) -> str:
    if key == "data_sha256":
        return f"data {str(value)[:8]}"
    return f"{key} {'default' if value is None else value}"


def _unique(texts: Iterable[str], mark: str) -> tuple[str, ...]:
    """The texts, with `mark` and a number after those that were taken already."""
    taken: set[str] = set()
    found = []
    for text in texts:
        candidate, number = text, 1
        while candidate.casefold() in taken:
            number += 1
            candidate = f"{text}{mark}{number}"
        taken.add(candidate.casefold())
        found.append(candidate)
    return tuple(found)
