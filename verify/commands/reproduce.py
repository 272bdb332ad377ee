"""`condense reproduce`: the source paper's experiments."""

from __future__ import annotations

from typing import Annotated

from verify.commands.options import OUTPUT, Count, Flag, Output, print_json, watched


def reproduce(
    *figures: str,
    quick: Annotated[bool, Flag] = False,
    data: str | None = None,
    seed: Count = 0,
    seeds: Count = 16,
    out: str = "runs",
    output: Output = OUTPUT,
) -> int:
    """The source paper's experiments with many seeds, beside what theory says of each optimiser.

    Parameters
    ----------
    figures
        2, 3, 4, 5, 6, preprint-low, preprint-mnist, relu, smaller; all without a name.
    quick
        The smallest run that still says something.
    data
        An .npz with x (n, ...) and whole-number labels y, in place of the digits in 2 and preprint-mnist.
    seed
        Seed from which everything random is drawn.
    seeds
        Networks in each experiment.
    out
        Finished pieces are kept below this folder, and taken up again; each call has a folder of its own for the rest.
    """
    from verify.reproduce import reproduce as run
    from verify.tables.report import print_reproduction

    result = watched(
        output,
        lambda progress: run(
            figures,
            out=out,
            seed=seed,
            seeds=seeds,
            quick=quick,
            data=data,
            progress=progress,
        ),
    )
    print_json(result.to_json()) if output.json else print_reproduction(result)
    return 0
