"""Shapes in signatures, enforced while tests run: what is said in jaxtyping's terms is checked at every call.

Only shapes and dtypes are: classes are pyright's, and a mutant's class is not that of the module it is handed to.
"""

import inspect
import os
import sys
from importlib.machinery import PathFinder, SourceFileLoader
from typing import get_args, get_type_hints

from beartype import BeartypeConf, beartype
from jaxtyping import AbstractArray, jaxtyped

MODULES = (
    "theory.flows.linear",
    "theory.flows.smooth",
    "theory.forms.vectors",
    "theory.predictions.prediction",
    "theory.problem",
    "theory.times.horizon",
    "numerics.flow.full",
    "numerics.flow.leading",
    "numerics.flow.two_layer",
    "numerics.measure.angles",
    "numerics.measure.clusters",
    "numerics.measure.merging",
    "numerics.measure.neurons",
    "numerics.training.runs",
)
ENFORCED = os.environ.get("CONDENSE_SHAPES", "1") != "0"

# `float` takes whole numbers, as everywhere in Python.
_check = beartype(conf=BeartypeConf(is_pep484_tower=True))


def enforce():
    """Check the shapes of `MODULES` from now on; before they are first imported."""
    if ENFORCED:
        sys.meta_path.insert(0, _Finder)


class _Finder(PathFinder):
    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        spec = super().find_spec(fullname, path, target) if fullname in MODULES else None
        if spec is not None:
            spec.loader = _Loader(fullname, spec.origin)
        return spec


class _Loader(SourceFileLoader):
    """Wraps what is public and names a shape, and nothing else: jaxtyping's own hook wraps every function of a module,
    those within functions at every call, and the tests take a third longer."""

    def exec_module(self, module):
        super().exec_module(module)
        for name, each in list(vars(module).items()):
            if name.startswith("_") or getattr(each, "__module__", None) != module.__name__:
                continue
            if inspect.isfunction(each) and _shaped(each):
                setattr(module, name, _jaxtyped(each))
            elif inspect.isclass(each):
                for member, part in list(vars(each).items()):
                    own = member != "__init__" and (not member.startswith("_"))
                    function = part.fget if isinstance(part, property) else getattr(part, "__func__", part)
                    if own and inspect.isfunction(function) and _shaped(function):
                        setattr(each, member, _jaxtyped(part))
                if any(names_a_shape(hint) for hint in get_type_hints(each).values()):
                    _jaxtyped(each)  # the __init__ of a dataclass, in place


def _shaped(function):
    return any(names_a_shape(hint) for hint in get_type_hints(function).values())


def _jaxtyped(each):
    return jaxtyped(each, typechecker=_checked)


def _checked(function):
    """The function with a check of the annotations that name a shape, itself where there is none."""
    hints = {name: hint for name, hint in function.__annotations__.items() if names_a_shape(hint)}
    if not hints:
        return function
    function.__annotations__ = hints
    return _check(function)


def names_a_shape(hint):
    """Whether a shape occurs in the annotation, alone or as a part."""
    if inspect.isclass(hint) and issubclass(hint, AbstractArray):
        return True
    return any(names_a_shape(part) for part in get_args(hint))
