"""`make bench`: every benchmark against its peer in one run, as a table and as JSON.

Each module here has `run() -> list[dict]`; name modules as arguments to run only those.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

OUT = Path("runs") / "benchmarks.json"


def main(wanted: list[str]) -> None:
    """Run the named benchmarks, or all, and write the rows so far after each module: nothing is lost on a crash."""
    here = Path(__file__).parent
    names = wanted or sorted(path.stem for path in here.glob("[a-z]*.py"))
    rows: dict[str, list[dict]] = {}
    for name in names:
        module = importlib.import_module(f"benchmarks.{name}")
        if not hasattr(module, "run"):
            continue
        print(f"== {name}", flush=True)
        rows[name] = module.run()
        for row in rows[name]:
            print("  ".join(f"{key}={_short(value)}" for key, value in row.items()), flush=True)
        OUT.parent.mkdir(exist_ok=True)
        OUT.write_text(json.dumps(rows, indent=2, default=str))


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main(sys.argv[1:])
