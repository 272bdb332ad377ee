"""Whether constraints.txt pins what is installed, and nothing else: python .ci/pins.py (--write makes it so)."""

import re
import sys
from importlib.metadata import distributions
from pathlib import Path

FILE = Path(__file__).parents[1] / "constraints.txt"
HEAD = """\
# Every version that the project is tested with: what `pip install -e '.[data,dev]'` brings, and nothing else.
# torch 2.13.0 is the CPU build where the index has one.  `make pins` compares, `python .ci/pins.py --write` writes.
"""
NOT_PINNED = {
    "condense",
    "pip",
    "setuptools",
    "wheel",
}  # the project itself, and what `python -m venv` puts there


def plain(name: str) -> str:
    """The name as pip compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed() -> dict[str, str]:
    """What this environment holds; a build such as 2.13.0+cpu counts as its version."""
    found = {plain(each.name): each.version.split("+")[0] for each in distributions()}
    return {name: version for name, version in sorted(found.items()) if name not in NOT_PINNED}


def pinned() -> dict[str, str]:
    """What constraints.txt pins."""
    lines = FILE.read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {plain(name): version for name, version in pairs}


def main() -> int:
    """0 where both agree; else one line for each difference, and 1."""
    here, file = installed(), pinned()
    if "--write" in sys.argv[1:]:
        FILE.write_text(
            HEAD + "".join(f"{name}=={version}\n" for name, version in here.items()), encoding="utf-8"
        )
        return 0
    differences = [
        f"{name}: installed {here.get(name, 'not at all')}, pinned {file.get(name, 'not at all')}"
        for name in sorted(here.keys() | file.keys())
        if here.get(name) != file.get(name)
    ]
    if differences:
        print("constraints.txt and this environment differ:", *differences, sep="\n  ", file=sys.stderr)
    return bool(differences)


if __name__ == "__main__":
    sys.exit(main())
