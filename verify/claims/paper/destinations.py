"""Destinations: where every single neuron goes, predicted from its start, against where it is found.

Setting.     Neurons of the leading flow (p = 1, 2, 3), and neurons of real networks trained by gradient descent.
Hypotheses.  σ(0) = 0, σ smooth, T_p ≠ 0, isolated orientations.
Statement.   A neuron climbs s c P on the sphere, s = sign(a), and retraces its path where a changes sign; it ends at a
             growing or a dying orientation.  At least 99 % of the neurons outside the boundary layer end where predicted.
Boundary layer.  Neurons whose end changes when their start is moved by a thousandth of its size (flow), or by as much as
             the signal has changed (training): near the boundary of two basins, not decided by the theory.
Steps.       1. Predict by the law from (a, w) at the start: theory follows orientation and balance (theory.flows.smooth).
             2. Observe: numerics integrates the same neuron in Cartesian form; or takes the trained neuron and follows the
                leading flow of the data on from there, which tells in which basin the training has left it.
             3. Tabulate predicted against observed labels, one for each orientation; sort the disagreements by reason.
Limits.      A trained neuron at the end of the initial stage need not have reached its destination; step 2 says where it
             is bound for.
Source.      condense; the paper states destinations for p = 1 only, by figure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache, partial

import numpy as np

from numerics.data import append_bias, load
from numerics.flow import LeadingStatus, leading_flow, moments
from theory import Fate, MomentTensor, SmoothField, destinations, find_orientations
from theory.forms.vectors import angle
from verify.claims import witness
from verify.claims.model import About, Claim, Dynamics, Method, Outcome, Reading, Run
from verify.claims.paper.condensation import CASES as NETWORKS
from verify.claims.paper.condensation import trained
from verify.statistics import StatisticalTest

ALARM = 1e-5
LAYER = 1e-3  # relative move of the start
# Predicted ends: unit vectors (N, D), zero where the law says nothing, from the data (x, s, p) and the start (a, w).
Ends = Callable[[np.ndarray, np.ndarray, int, np.ndarray, np.ndarray], np.ndarray]
FLOWS = (("sine5", 1), ("line", 2), ("line", 3), ("sine5", 2))


def predicted_ends(x: np.ndarray, s: np.ndarray, p: int, a: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The law: the autonomous flow of orientation and balance."""
    ends = destinations(SmoothField(MomentTensor.from_data(x, s, p), 1.0), a, w)
    return np.where((ends.fates == Fate.UNDECIDED)[:, None], 0.0, ends.u)


def _flow_ends(x: np.ndarray, s: np.ndarray, p: int, a: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The witness: Cartesian leading flow; zero where it found no end."""
    out = leading_flow(moments(x, s, p, 1.0), a, w)
    ended = np.isin(out.status, [LeadingStatus.GROWING, LeadingStatus.DYING])
    return np.where(ended[:, None], out.orientation, 0.0)


def _labels(ends: np.ndarray, listed: np.ndarray) -> np.ndarray:
    """The number of the orientation (k, D) at which each neuron ends; -1 for none within 1e-4 rad."""
    away = angle(ends[:, None], listed[None])
    return np.where((away.min(axis=1) < 1e-4) & np.any(ends != 0, axis=1), away.argmin(axis=1), -1)


@cache
def _flow(data: str, p: int, seed: int, neurons: int):
    """Data, start, orientations, the witness's labels, and the mask of the boundary layer."""
    loaded = load(data)
    x, s = append_bias(loaded.x), loaded.y
    listed = np.array([o.u for o in find_orientations(MomentTensor.from_data(x, s, p)).orientations])
    generator = Run(seed=seed).generator("destinations", data, p)
    a, w = generator.standard_normal(neurons), generator.standard_normal((neurons, x.shape[1]))
    labels = _labels(_flow_ends(x, s, p, a, w), listed)
    layer = labels < 0
    for sign in (1, -1):
        size = np.hypot(a, np.linalg.norm(w, axis=1)) * LAYER
        move = generator.standard_normal((neurons, 1 + x.shape[1]))
        move *= sign * (size / np.linalg.norm(move, axis=1))[:, None]
        layer |= _labels(_flow_ends(x, s, p, a + move[:, 0], w + move[:, 1:]), listed) != labels
    return x, s, a, w, listed, labels, layer


def _leading(law: Ends, run: Run) -> Outcome:
    checks, tables, shown = [], {}, []
    for data, p in FLOWS:
        x, s, a, w, listed, labels, layer = _flow(data, p, run.seed, run.pick(600, 4000))
        said = _labels(law(x, s, p, a, w), listed)
        checks.append(
            _test(f"neurons at their destination outside the layer: {data}, p = {p}", said == labels, layer)
        )
        tables[f"{data}, p = {p}"] = confusion(said, labels)
        shown.append(f"{np.sum((said == labels) & ~layer)} of {np.sum(~layer)}")
    return Outcome(
        f"leading flow, {', '.join(shown)} neurons outside the layer end where predicted",
        tuple(checks),
        details=tables,
    )


def _test(name: str, agree: np.ndarray, layer: np.ndarray):
    # A true law agrees on every neuron outside; 1 % is what the layer of finite width may miss.
    outside = agree[~layer]
    test = StatisticalTest(name, threshold=0.99, effect=0.05, n=outside.size, alpha=ALARM / len(FLOWS))
    return test.check(outside)


def confusion(predicted: np.ndarray, observed: np.ndarray) -> list[dict[str, int]]:
    """Predicted against observed labels with their counts; -1 is no orientation."""
    counts = Counter(zip(predicted.tolist(), observed.tolist(), strict=True))
    return [{"predicted": p, "observed": o, "neurons": n} for (p, o), n in sorted(counts.items())]


@cache
def _training(name: str, order: int, std: float, seed: int, networks: int):
    """Trained networks, the orientations, and for every neuron the witness's label and its reasons for disagreement.

    The signal at the end differs from that at the start by f; a neuron that the leading flow of s - f takes elsewhere
    than that of s is sensitive to the change of the signal, one that a move of its start by LAYER takes elsewhere is in
    the boundary layer.
    """
    if order == 1:
        nets = _first_order(seed, networks)
    else:
        nets = trained(name, order, std, seed, networks)
    x, s, dimension = nets.x, nets.y, nets.x.shape[1]
    listed = np.array([o.u for o in find_orientations(MomentTensor.from_data(x, s, order)).orientations])
    a0, w0 = nets.a0.reshape(-1), nets.w0.reshape(-1, dimension)
    labels = _labels(_flow_ends(x, s, order, nets.a.reshape(-1), nets.w.reshape(-1, dimension)), listed)
    straight = _labels(_flow_ends(x, s, order, a0, w0), listed)
    size = np.hypot(a0, np.linalg.norm(w0, axis=1))
    generator = Run(seed=seed).generator("destinations.training", order)
    layer = labels < 0
    for sign in (1, -1):
        move = generator.standard_normal((len(a0), 1 + dimension))
        move *= sign * (LAYER * size / np.linalg.norm(move, axis=1))[:, None]
        layer |= _labels(_flow_ends(x, s, order, a0 + move[:, 0], w0 + move[:, 1:]), listed) != straight
    sigma = witness.sigma_of(name)
    changed = []
    for b in range(len(nets.a)):
        left = s - witness.output(sigma, x, nets.a[b], nets.w[b])
        ends = _flow_ends(x, left, order, nets.a0[b], nets.w0[b])
        moved = np.array(
            [o.u for o in find_orientations(MomentTensor.from_data(x, left, order)).orientations]
        )
        nearest = angle(ends[:, None], listed[None]).argmin(axis=1) if len(moved) == len(listed) else -1
        changed.append(nearest != straight[b * nets.a.shape[1] : (b + 1) * nets.a.shape[1]])
    return nets, listed, a0, w0, labels, layer, np.concatenate(changed)


@cache
def _first_order(seed: int, networks: int) -> witness.Nets:
    data = load("sine5")
    step = 0.01 / witness.rate(append_bias(data.x), data.y, 1)
    each = [int(s.generate_state(1, np.uint64)[0]) for s in np.random.SeedSequence([seed, 1]).spawn(networks)]
    return witness.networks(data.x, data.y, "tanh", std=1e-5, lr=step, fraction=1e-3, seeds=each)


def _real(law: Ends, run: Run) -> Outcome:
    checks, details, shown = [], {}, []
    for name, order, std in (("tanh", 1, 1e-5), *NETWORKS):
        nets, listed, a0, w0, labels, layer, changed = _training(name, order, std, run.seed, run.pick(16, 64))
        said = _labels(law(nets.x, nets.y, order, a0, w0), listed)
        wrong = said != labels
        checks.append(
            _test(
                f"trained neurons bound for their destination: {name}, p = {order}", ~wrong, layer | changed
            )
        )
        details[name] = {
            "confusion": confusion(said, labels),
            "disagree": int(wrong.sum()),
            "in_the_boundary_layer": int((wrong & layer).sum()),
            "turned_by_the_change_of_the_signal": int((wrong & changed & ~layer).sum()),
            "unexplained": int((wrong & ~changed & ~layer).sum()),
        }
        shown.append(f"p = {order}: {np.sum(~wrong)} of {wrong.size}")
    return Outcome(
        f"trained neurons bound for their destination, {'; '.join(shown)}", tuple(checks), details=details
    )


def _opposite(x, s, p, a, w):
    return predicted_ends(x, s, p, -a, w)


def _nearest(x, s, p, a, w):
    found = find_orientations(MomentTensor.from_data(x, s, p))
    u = np.array([o.u for o in found.attractors])
    return u[np.argmax(w @ u.T, axis=1)]


_claim = partial(
    Claim,
    hypotheses=(
        "σ smooth, σ(0) = 0, one output",
        "T_p ≠ 0, isolated orientations",
        "outside the boundary layer",
    ),
    source="condense",
    method=Method.STATISTICAL,
    about=About.ATTRACTING,
    reading=Reading.NEURON_COUNT,
    law=predicted_ends,
    mutants={
        "the sign of a turned": _opposite,
        "the nearest attractor": _nearest,
        "the signal turned": lambda x, s, p, a, w: predicted_ends(x, -s, p, a, w),
        "no output weights": lambda x, s, p, a, w: predicted_ends(x, s, p, np.full_like(a, 1e-9), w),
    },
    false_alarm=ALARM,
)
FLOW = _claim(
    id="destinations.flow",
    title="every neuron of the leading flow ends where predicted, p = 1, 2, 3",
    statement=r"(a_j, w_j)(0) \mapsto \lim u_j \text{ for} \ge 99\,\% \text{ of the neurons outside the boundary layer}",
    dynamics=Dynamics.LEADING_FLOW,
    validate=_leading,
)
TRAINING = _claim(
    id="destinations.training",
    title="every neuron of a trained network is bound for where it was predicted to go",
    statement=r"(a_j, w_j)(0) \mapsto \lim u_j \text{ for} \ge 99\,\% \text{ of the trained neurons outside the layer}",
    dynamics=Dynamics.GRADIENT_DESCENT,
    validate=_real,
)
