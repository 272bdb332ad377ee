"""A module with one place of its source changed, for tests that must then fail."""

import inspect
import types


def mutated(module, old, new):
    """Return a fresh copy of `module` whose source has its one occurrence of `old` replaced."""
    source = inspect.getsource(module)
    assert source.count(old) == 1, f"{old!r} occurs {source.count(old)} times in {module.__name__}"
    mutant = types.ModuleType(module.__name__)
    exec(compile(source.replace(old, new), f"mutant of {module.__name__}", "exec"), mutant.__dict__)
    return mutant
