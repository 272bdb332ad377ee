"""Whether `theory`, `numerics` and `verify` are ours, where a user has a folder or a file of one of these names.

Python takes the first that it finds, the folder of the script before all others: a theorist's own `theory/` beside his
script would be taken for ours, and the import would fail with a name that says nothing.
"""

from importlib.util import find_spec
from pathlib import Path

HOME = Path(__file__).resolve().parents[1]
ROOMS = ("theory", "numerics", "verify")


def shadowed() -> str | None:
    """One line that names the file which is taken for one of the rooms, and what to do; None where all are ours.

    Nothing is imported for it.
    """
    for room in ROOMS:
        own = HOME / room / "__init__.py"
        try:
            spec = find_spec(room)
        except ValueError:  # a module that was put there without a specification
            spec = None
        found = None if spec is None else spec.origin
        if found is None or Path(found).resolve() != own:
            what = "nothing that can be imported" if found is None else str(found)
            return (
                f"{what} is taken for the package {room!r} of condense ({own.parent}); "
                f"rename it, or run from a folder in which nothing is named {room}"
            )
    return None


def refuse_shadowed() -> None:
    """Raises ImportError, in one line, where a room is not ours."""
    line = shadowed()
    if line is not None:
        raise ImportError(line)
