"""`condense hunt`: search a counterexample to a claim, shrink it, certify it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from cyclopts import Parameter

from verify.commands.options import OUTPUT, Count, Output, print_json, watched


def hunt(
    claim: str,
    /,
    *,
    multiplicity: Count | None = None,
    dimension: Count | None = None,
    activation: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    bound: Count | None = None,
    drop: str | None = None,
    seed: Count = 0,
    trials: Count = 10_000,
    save: str | None = None,
    output: Output = OUTPUT,
) -> int:
    """Search a counterexample to a claim, shrink it to few points and small integers, certify it.

    Parameters
    ----------
    claim
        C1, P1a or P1b.
    multiplicity
        p (C1: 3 unless asked otherwise; P1b: drawn anew each time).
    dimension
        D, the bias counted (C1: 3; P1a: drawn anew each time).
    activation
        An activation instead of the power z**p; it sets p.
    bound
        Another number of orientations than 2p to be exceeded.
    drop
        A hypothesis of the claim to do without: isolated.
    seed
        Seed of the search.
    trials
        Candidates to search at most; shrinking comes on top.
    save
        A .csv file that the data found are written to, for `condense orientations` or `condense verify`.
    """
    from hypothesis.configuration import set_hypothesis_home_dir

    from verify.hunt import Target
    from verify.hunt import hunt as run
    from verify.tables.hunt import print_find

    target = Target(
        multiplicity, dimension, bound, activation, frozenset() if drop is None else frozenset([drop])
    )
    if save is not None:
        _check_path(save)
    with TemporaryDirectory() as folder:
        # Hypothesis keeps notes in the working directory otherwise.
        set_hypothesis_home_dir(folder)
        find = watched(
            output, lambda progress: run(claim, target, seed=seed, trials=trials, progress=progress)
        )
        set_hypothesis_home_dir(None)
    if save is not None and find.counterexample is not None:
        Path(save).write_text(_csv(find.counterexample["x"], find.counterexample["y"]))
    print_json(find.document()) if output.json else print_find(find)
    return 1 if find.found else 3


def _check_path(save: str) -> None:
    from verify.errors import UsageError

    path = Path(save)
    if path.suffix.lower() != ".csv" or not path.parent.is_dir():
        raise UsageError(f"--save {save!r}: a .csv file in a folder that exists would be accepted")


def _csv(x: list[list[float]], y: list[float]) -> str:
    header = [f"x{k + 1}" for k in range(len(x[0]))] + ["y"]
    rows = [[*row, target] for row, target in zip(x, y, strict=True)]
    return "\n".join(",".join(map(str, row)) for row in [header, *rows]) + "\n"
