"""`condense claims`: the ledger of theorems and claims, each validated anew."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

from verify.commands.options import OUTPUT, Count, Flag, Output, print_json, watched


def claims(
    *claims: str,
    quick: Annotated[bool, Flag] = False,
    seed: Count = 0,
    processes: Count = 2,
    out: str | None = None,
    output: Output = OUTPUT,
) -> int:
    """Validate claims anew: all of them, or those named.

    Parameters
    ----------
    claims
        Claim ids, or Python files that define claims.
    quick
        Smaller samples: the whole ledger within a minute.
    seed
        Seed from which everything random is drawn.
    processes
        Processes that share the work.
    out
        File that the JSON document is written to as well.
    """
    from verify.claims.ledger import resolve
    from verify.errors import UsageError
    from verify.report.store import versions, write_json
    from verify.tables.claims import print_claim, print_ledger

    for name, value, least in (("seed", seed, 0), ("processes", processes, 1)):
        if value < least:
            raise UsageError(f"{name} is {value}; accepted: a whole number of at least {least}")
    if out is not None and (not out.strip() or Path(out).is_dir() or not Path(out).parent.is_dir()):
        raise UsageError(f"--out {out!r}: a file in a folder that exists is needed")
    ledger = resolve(claims)
    began = time.perf_counter()
    entries = watched(
        output,
        lambda progress: ledger.run(seed=seed, quick=quick, processes=processes, progress=progress),
    )
    seconds = time.perf_counter() - began
    document = {
        "claims": [entry.document() for entry in entries],
        "seed": seed,
        "quick": quick,
        "versions": versions(),
        "seconds": round(seconds, 3),
    }
    if out is not None:
        try:
            write_json(Path(out), document)
        except OSError as error:
            raise UsageError(
                f"--out {out!r}: {error.strerror or error}; a file that can be written is needed"
            ) from None
    if output.json:
        print_json(document)
    elif len(entries) == 1:
        print_claim(entries[0])
    else:
        print_ledger(entries, seconds)
    return entries[0].verdict.exit_code if len(entries) == 1 else 0
