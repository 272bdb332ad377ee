"""Write docs/reproduction.md and its pictures from a run of `condense reproduce`: python docs/reproduce.py [OUT]."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from verify.reproduce import reproduce
from verify.reproduce.finding import markdown

here = Path(__file__).parent


def main(out: str = "runs") -> None:
    """Take up the finished pieces below `out` (or compute them), and write the page."""
    result = reproduce(out=out)
    pictures = here / "images" / "reproduction"
    pictures.mkdir(parents=True, exist_ok=True)
    for image in result.images:
        if image.endswith(".png"):
            shutil.copy(Path(result.run_dir) / image, pictures / image)
    (here / "reproduction.md").write_text(markdown(result, images="images/reproduction/"), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
