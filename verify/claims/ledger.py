"""The ledger: finding claims, running one or many, and writing down what anybody needs to run them again.

A verdict depends on the claim, the seed and whether the run was quick, and on nothing else: not on the other claims of
the run, their order, or the process that it ran in.  `Entry.document` stores those with the dtype and the versions.

Families of tests.  Each statistical claim declares the probability with which its check refutes a true law; by Boole's
inequality the ledger raises a false alarm with at most their sum, which `Ledger` holds to `FALSE_ALARM`.  A bound that
each claim keeps by itself, unlike a step-down over the ledger, leaves every verdict reproducible alone.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import multiprocessing
import pkgutil
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from verify.claims.model import Claim, Run
from verify.errors import UsageError
from verify.progress import Progress, Silent
from verify.report.store import versions
from verify.verdict import Verdict, finite

FALSE_ALARM = 1e-3
GROUP = "condense.claims"
SHELVES = ("paper", "laws", "related")  # the source paper, this project's own laws, results of others


@dataclass(frozen=True)
class Entry:
    """One validated claim: its description, its outcome as JSON-ready parts, and how it can be repeated."""

    claim: Mapping[str, Any]
    verdict: Verdict
    evidence: Mapping[str, Any]
    counterexample: Mapping[str, Any] | None
    seconds: float

    @property
    def surprising(self) -> bool:
        """Whether the verdict differs from the one that the claim's file expects."""
        return self.verdict.value != self.claim["expected"]

    def document(self) -> dict[str, Any]:
        """The entry of the `claims` document."""
        return {
            **self.claim,
            "verdict": self.verdict.value,
            "evidence": dict(self.evidence),
            "counterexample": None if self.counterexample is None else dict(self.counterexample),
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True)
class Ledger:
    """Claims by id, in the order of their files, and the origin (module name or path) of each."""

    claims: Mapping[str, Claim]
    origins: Mapping[str, str]

    def __post_init__(self) -> None:
        total = sum(claim.false_alarm for claim in self.claims.values())
        if total > FALSE_ALARM * (1 + 1e-12):
            raise UsageError(
                f"the claims' false alarms add up to {total:g}; accepted: at most {FALSE_ALARM:g} over the ledger"
            )

    def select(self, wanted: Iterable[str]) -> Ledger:
        """The claims with these ids, each once, in the order asked for; UsageError names the closest ids."""
        chosen = dict.fromkeys(wanted)
        for name in chosen:
            if name not in self.claims:
                raise UsageError(f"unknown claim {name!r}; {self._closest(name)}")
        return Ledger({n: self.claims[n] for n in chosen}, {n: self.origins[n] for n in chosen})

    def _closest(self, name: str) -> str:
        lower = {known.lower(): known for known in self.claims}
        close = difflib.get_close_matches(name.lower(), lower, n=3, cutoff=0.4)
        close += [known for known in lower if known.startswith(name.lower()) and known not in close][:3]
        found = [lower[c] for c in close]
        return f"close: {', '.join(found)}" if found else f"known: {', '.join(self.claims)}"

    def run(
        self,
        *,
        seed: int = 0,
        quick: bool = False,
        processes: int = 2,
        progress: Progress | None = None,
        finished: Callable[[Entry], None] | None = None,
    ) -> tuple[Entry, ...]:
        """Validate every claim, in `processes` processes, and return the entries in ledger order.

        `finished` hears of each entry as it comes.  Raises whatever a claim's check raises.
        """
        watch = progress if progress is not None else Silent()
        if processes == 1 or len(self.claims) == 1:
            entries = []
            for claim in self.claims.values():
                watch.stage(f"{claim.id}: {claim.title}")
                entries.append(validate(claim, Run(seed=seed, quick=quick, progress=watch)))
                if finished is not None:
                    finished(entries[-1])
            return tuple(entries)
        return self._in_parallel(seed, quick, processes, watch, finished)

    def _in_parallel(self, seed, quick, processes, watch, finished) -> tuple[Entry, ...]:
        # Laws are callables and need not pickle: a worker is told the origin and looks the claim up again.
        context = multiprocessing.get_context("spawn")
        done: dict[str, Entry] = {}
        with ProcessPoolExecutor(max_workers=processes, mp_context=context) as pool:
            jobs = {pool.submit(_work, self.origins[n], n, seed, quick): n for n in self.claims}
            try:
                for job in as_completed(jobs):
                    name = jobs[job]
                    done[name] = job.result()
                    watch.stage(f"{len(done)} of {len(jobs)} claims: {name} {done[name].verdict.value}")
                    if finished is not None:
                        finished(done[name])
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return tuple(done[name] for name in self.claims)


def validate(claim: Claim, run: Run) -> Entry:
    """Run one claim's check on its own law and write down the outcome with everything that reproduces it."""
    began = time.perf_counter()
    outcome = claim.run(run)
    refuted = outcome.verdict is Verdict.REFUTED and outcome.counterexample is not None
    evidence = {
        **outcome.evidence(),
        "seed": run.seed,
        "quick": run.quick,
        "dtype": "float64",
        "versions": versions(),
    }
    return Entry(
        claim=claim.description(),
        verdict=outcome.verdict,
        evidence=evidence,
        counterexample=finite(outcome.counterexample) if refuted else None,
        seconds=time.perf_counter() - began,
    )


def _work(origin: str, name: str, seed: int, quick: bool) -> Entry:
    return validate(claims_of(_module(origin))[name], Run(seed=seed, quick=quick))


def built_in() -> Ledger:
    """The claims of this package and of the installed entry points of the group `condense.claims`."""
    found = [
        importlib.import_module(f"verify.claims.{shelf}.{info.name}")
        for shelf in SHELVES
        for info in pkgutil.iter_modules([str(Path(__file__).parent / shelf)])
    ]
    ledger = _gather((module, module.__name__) for module in found)
    for point in entry_points(group=GROUP):
        ledger = joined(ledger, _gather([(_installed(point), point.module)]))
    return ledger


def _installed(point: EntryPoint) -> ModuleType:
    """The module that an entry point names: all its claims count, so that a worker process finds them by its name."""
    try:
        return importlib.import_module(point.module)
    except Exception as error:
        raise UsageError(
            f"entry point {point.name!r} of {GROUP}, {point.value}: {type(error).__name__}: {error}; "
            "a module that imports cleanly is needed"
        ) from error


def from_file(path: str | Path) -> Ledger:
    """The claims of a user's file; UsageError where it cannot be read, fails, or holds none."""
    module = _module(str(path))
    ledger = _gather([(module, str(Path(path).resolve()))])
    if not ledger.claims:
        raise UsageError(f"{path}: holds no claim; a verify.claims.Claim at module level is needed")
    return ledger


def joined(first: Ledger, second: Ledger) -> Ledger:
    """Both ledgers; UsageError where they share an id."""
    for name in second.claims:
        if name in first.claims:
            raise UsageError(
                f"{second.origins[name]}: claim id {name!r} is taken by {first.origins[name]}; another id is needed"
            )
    return Ledger({**first.claims, **second.claims}, {**first.origins, **second.origins})


def resolve(wanted: Sequence[str]) -> Ledger:
    """The claims that a command line asks for: ids, paths of files (all their claims), or all when it names none."""
    paths = [name for name in wanted if _is_path(name)]
    ledger = built_in()
    own: list[str] = []
    for path in dict.fromkeys(paths):
        extra = from_file(path)
        ledger = joined(ledger, extra)
        own += list(extra.claims)
    names = [name for name in wanted if not _is_path(name)]
    return ledger.select([*names, *own]) if wanted else ledger


def claims_of(module: ModuleType) -> dict[str, Claim]:
    """The claims at module level, in the order of definition; UsageError for an id used twice."""
    found: dict[str, Claim] = {}
    for value in vars(module).values():
        for claim in value if isinstance(value, (tuple, list)) else (value,):
            if not isinstance(claim, Claim) or found.get(claim.id) is claim:
                continue
            if claim.id in found:
                raise UsageError(f"{module.__name__}: claim id {claim.id!r} is used twice; ids must differ")
            found[claim.id] = claim
    return found


def _gather(modules: Iterable[tuple[ModuleType, str]]) -> Ledger:
    ledger = Ledger({}, {})
    for module, origin in modules:
        claims = claims_of(module)
        ledger = joined(ledger, Ledger(claims, dict.fromkeys(claims, origin)))
    return ledger


def _is_path(name: str) -> bool:
    return name.endswith(".py") or "/" in name or "\\" in name


def _module(origin: str) -> ModuleType:
    """The module of an origin: a dotted name, or a path, executed once a process under a name of its own."""
    if not _is_path(origin):
        return importlib.import_module(origin)
    path = Path(origin).resolve()
    name = f"condense_claims_{zlib.crc32(str(path).encode()):08x}"
    if name in sys.modules:
        return sys.modules[name]
    if not path.is_file():
        raise UsageError(
            f"{origin}: no such file; accepted are claim ids and Python files that define claims"
        )
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise UsageError(
            f"{origin}: {type(error).__name__}: {error}; a file that imports cleanly is needed"
        ) from error
    return module
