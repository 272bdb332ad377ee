"""The driver of text mutants: a module with one place of its source changed, which its check must reject.

A law that is an argument or a field of a dataclass is changed there instead, without this.
"""

import inspect
import types
from functools import cache
from importlib import import_module

import pytest

from theory.errors import TheoryError

# How a check may fail on a wrong formula.
REJECTIONS = (AssertionError, TheoryError, ZeroDivisionError, RuntimeWarning)


def mutated(module, old, new):
    """Return a fresh copy of `module` whose source has its one occurrence of `old` replaced."""
    source = inspect.getsource(module)
    assert source.count(old) == 1, f"{old!r} occurs {source.count(old)} times in {module.__name__}"
    mutant = types.ModuleType(module.__name__)
    exec(compile(source.replace(old, new), f"mutant of {module.__name__}", "exec"), mutant.__dict__)
    return mutant


def rows(table):
    """The parameters (check, module, old, new) of a table {check: (module of theory, [(name, old, new)])}."""
    return [
        pytest.param(check, f"theory.{module}", old, new, id=f"{module}: {name}")
        for check, (module, changes) in table.items()
        for name, old, new in changes
    ]


@cache
def _passes(check, module):
    """The check holds on the module as it is."""
    check(import_module(module))
    return True


def rejected(check, module, old, new):
    """Assert that the check holds on the module and fails where `old` is replaced by `new`."""
    assert _passes(check, module)
    mutant = mutated(import_module(module), old, new)
    with pytest.raises(REJECTIONS):
        check(mutant)
