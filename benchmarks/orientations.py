"""Orientations beside their peers: PHCpack for complete enumerations, SymPy for planar roots; cost against n.

PHCpack is the Debian package `phcpack`; without it its rows are skipped, and say so.

Each row interleaves the two sides and takes the best of `REPEATS`; PHCpack solves the same polynomial system,
in blackbox mode, on one thread and on two, and certifies nothing.
"""

from __future__ import annotations

import math
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import sympy
from flint import fmpq

from theory.forms.moment_tensor import MomentTensor
from theory.orientations import find_orientations

REPEATS = 5
ENUMERATIONS = [(3, 6, 5.0), (4, 5, 5.0), (4, 6, 5.0)]
TWO_THREADS = 3.0


def _data(p: int, dimension: int, n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng([p, dimension])
    x = rng.standard_normal((n, dimension))
    x[:, -1] = 1.0
    return x, rng.standard_normal(n)


def phc_system(tensor: MomentTensor, seed: int = 0) -> str:
    """Return T u^{p-1} = λ u, v·u = 1 with a random real v, in PHCpack's format; unknowns u and λ."""
    size, p = tensor.dimension, tensor.order
    equations = []
    for k in range(size):
        terms = []
        for exponents, c in zip(tensor.exponents.tolist(), tensor.coefficients, strict=True):
            if exponents[k]:
                factors = [f"x{j + 1}^{e - (j == k)}" for j, e in enumerate(exponents) if e - (j == k) > 0]
                terms.append("*".join([f"{exponents[k] * int(c.p) / int(c.q) / p:+.16e}", *factors]))
        equations.append(" ".join(terms) + f" - lam*x{k + 1};")
    v = np.random.default_rng(seed).standard_normal(size)
    equations.append(" ".join(f"{w:+.16e}*x{k + 1}" for k, w in enumerate(v)) + " - 1;")
    return f"{size + 1}\n" + "\n".join(equations) + "\n"


def _phc(tensor: MomentTensor, *flags: str) -> tuple[float, int]:
    """Return the wall time of one PHCpack run and the number of solutions it wrote."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in", Path(folder) / "out"
        source.write_text(phc_system(tensor))
        start = time.perf_counter()
        subprocess.run(["phc", "-b", *flags, str(source), str(target)], check=True, capture_output=True)
        seconds = time.perf_counter() - start
        # PHCpack appends the solutions it found to its input file, one `lam :` each.
        text = source.read_text()
    return seconds, text.count("lam :")


def _timed(call) -> tuple[float, object]:
    start = time.perf_counter()
    out = call()
    return time.perf_counter() - start, out


def enumeration(p: int, dimension: int, bound: float) -> list[dict]:
    """Complete certified enumeration against `phc -b` and `phc -b -t2`."""
    x, s = _data(p, dimension)
    tensor = MomentTensor.from_data(x, s, p)
    ours, one, two = [], [], []
    for _ in range(REPEATS):
        seconds, result = _timed(lambda: find_orientations(MomentTensor.from_data(x, s, p)))
        ours.append(seconds)
        one.append(_phc(tensor))
        two.append(_phc(tensor, "-t2"))
    rows = []
    for name, peer, target in (("phc -b", one, bound), ("phc -b -t2", two, TWO_THREADS)):
        # A peer run that breaks off after milliseconds with next to no solutions is no enumeration, and no time.
        best = min((t for t, count in peer if count > 0.9 * result.lines_found), default=math.nan)  # type: ignore[attr-defined]
        rows.append(
            {
                "name": f"orientations p={p} D={dimension}",
                "peer": name,
                "seconds": min(ours),
                "peer_seconds": best,
                "ratio": best / min(ours),
                "target": target,
                "met": best / min(ours) >= target,
                "lines_certified": result.lines_found,  # type: ignore[attr-defined]
                "complete": result.complete,  # type: ignore[attr-defined]
                "peer_solutions": [count for _, count in peer],  # 0: it broke off
            }
        )
    return rows


def largest() -> dict:
    """All 1365 lines of (p, D) = (5, 6), certified, in at most 6 s."""
    x, s = _data(5, 6)
    runs = [_timed(lambda: find_orientations(MomentTensor.from_data(x, s, 5))) for _ in range(REPEATS)]
    seconds = min(t for t, _ in runs)
    found = min(r.lines_found for _, r in runs)  # type: ignore[attr-defined]
    return {
        "name": "orientations p=5 D=6",
        "seconds": seconds,
        "lines_certified": found,
        "target": 6.0,
        "met": seconds <= 6.0 and found == 1365,
    }


def planar(p: int = 30) -> dict:
    """D = 2, coefficients included, against sympy.Poly.nroots from ready-made coefficients."""
    x, s = _data(p, 2)
    t = sympy.Symbol("t")
    c = MomentTensor.from_data(x, s, p).coefficients
    f = [(k + 1) * (c[k + 1] if k < p else 0) - (p - k + 1) * (c[k - 1] if k else 0) for k in range(p + 1)]
    polynomial = sympy.Poly([sympy.Rational(int(fmpq(v).p), int(fmpq(v).q)) for v in reversed(f)], t)
    ours, peer = [], []
    for _ in range(REPEATS):
        ours.append(_timed(lambda: find_orientations(MomentTensor.from_data(x, s, p)))[0])
        peer.append(_timed(lambda: polynomial.nroots(n=16, maxsteps=500))[0])
    ratio = min(peer) / min(ours)
    return {
        "name": f"orientations planar p={p}",
        "peer": "sympy.Poly.nroots",
        "seconds": min(ours),
        "peer_seconds": min(peer),
        "ratio": ratio,
        "target": 25.0,
        "met": ratio >= 25.0,
    }


def independent_of_n() -> dict:
    """Cost of the search once T is formed, n = 50 against n = 5000: at most twice."""
    times: dict[int, list[float]] = {50: [], 5000: []}
    tensors = {n: MomentTensor.from_data(*_data(3, 5, n), 3) for n in times}
    for _ in range(REPEATS):
        for n, tensor in tensors.items():
            times[n].append(_timed(lambda tensor=tensor: find_orientations(tensor))[0])
    ratio = min(times[5000]) / min(times[50])
    return {
        "name": "orientations p=3 D=5, n=5000 against n=50",
        "seconds": min(times[5000]),
        "peer_seconds": min(times[50]),
        "ratio": ratio,
        "target": 2.0,
        "met": ratio <= 2.0,
    }


def run() -> list[dict]:
    """Return the rows of this benchmark: seconds, the peer's seconds, their ratio and the target."""
    rows = [largest(), planar(), independent_of_n()]
    if shutil.which("phc") is None:
        missing = "skipped: PHCpack is not installed (Debian: apt-get install phcpack)"
        return [*rows, {"name": "orientations beside PHCpack", "met": None, "note": missing}]
    for p, dimension, bound in ENUMERATIONS:
        rows += enumeration(p, dimension, bound)
    return rows
