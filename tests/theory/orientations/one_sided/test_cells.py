"""p >= 2 and D >= 3, cell by cell, and the search above the budget: each against the other and against G itself."""

import numpy as np
import pytest
from flint import fmpq

from tests.theory.mutants.mutated import mutated
from tests.theory.witnesses.one_sided import big_g, subgradient_climb
from theory.forms.moment_tensor import MomentTensor
from theory.forms.one_sided import one_sided_form
from theory.orientations import Kind, find_orientations
from theory.orientations.one_sided import cells, find_extremal_orientations, search

ENDS = (Kind.ATTRACTOR, Kind.DYING)


def data(seed, n, dimension):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, dimension))
    x[:, -1] = 1.0
    return x, rng.normal(size=n)


def check(points, x, s, act, starts=40):
    """Each point is fixed and of its kind as G says around it; every end of an ascent is among them."""
    rng = np.random.default_rng(0)
    scale = np.mean(np.abs(s) * np.linalg.norm(x, axis=1) ** act[0])
    ends = {1: [], -1: []}
    for o in points:
        u = np.array(o.u)
        assert o.certified
        assert o.radius < 1e-15
        assert abs(o.value - big_g(x, s, act, u)) < 1e-13 * scale
        step = 1e-3 * np.linalg.qr(np.column_stack([u, rng.standard_normal((len(u), len(u) - 1))]))[0].T[1:]
        two = [(v := u + t) / np.linalg.norm(v) for t in (*step, *-step)]
        # The slope across a fixed point vanishes: differences are of second order in the step.
        assert np.max(np.abs(big_g(x, s, act, np.array(two)) - o.value)) < 50 * scale * 1e-6
        if o.kind in ENDS:
            around = u + 1e-4 * rng.standard_normal((500, len(u)))
            around /= np.linalg.norm(around, axis=1, keepdims=True)
            assert np.all(o.neuron_sign * (big_g(x, s, act, around) - o.value) < 0)
            assert (o.kind is Kind.ATTRACTOR) == (o.neuron_sign * o.value > 0)
            ends[o.neuron_sign].append(u)
    for sign in (1, -1):
        u = rng.standard_normal((starts, x.shape[1]))
        u = subgradient_climb(x, s, act, u / np.linalg.norm(u, axis=1, keepdims=True), sign)
        live = u[np.abs(big_g(x, s, act, u)) > 1e-3 * scale]
        listed = np.array(ends[sign]).reshape(-1, x.shape[1])
        gap = np.linalg.norm(live[:, None] - listed[None], axis=2).min(axis=1, initial=3.0)
        assert gap.max(initial=0.0) < 1e-2


@pytest.mark.parametrize(
    ("n", "dimension", "act"), [(7, 3, (2, 1, 0)), (5, 4, (2, 1, 0)), (5, 3, (3, 1, 0)), (6, 3, (2, 1, -0.5))]
)
def test_cells_and_search(n, dimension, act):
    for seed in range(2):
        x, s = data(seed, n, dimension)
        whole = find_extremal_orientations(x, s, act)
        assert whole.complete
        check(whole.orientations, x, s, act)
        part = find_extremal_orientations(x, s, act, max_cells=1)
        assert not part.complete
        assert "verified exactly" in " ".join(part.notes)
        assert {o.u for o in part.orientations} == {o.u for o in whole.orientations if o.kind in ENDS}


def test_search_of_piecewise_linear():
    for seed in range(3):
        x, s = data(seed, 12, 3)
        whole = find_extremal_orientations(x, s, "relu")
        part = find_extremal_orientations(x, s, "relu", max_cells=1)
        assert whole.complete
        assert not part.complete
        assert set(part.orientations) <= set(whole.orientations)
        assert {o for o in whole.attractors if o not in part.orientations} == set()


def test_smooth_power_is_the_smooth_solver():
    x, s = data(3, 9, 3)
    for act in ((2, 1, 1), (3, 2, -2)):
        mine = find_extremal_orientations(x, s, act)
        theirs = find_orientations(MomentTensor.from_data(x, s, act[0]).scaled(act[1]))
        assert mine.orientations == theirs.orientations


def test_a_maximum_on_a_kink_is_not_claimed():
    # Orthogonal samples: x_2 lies on the kink of x_1, so that no open cell holds this maximum.
    result = find_extremal_orientations(np.eye(3)[:2], np.array([2.0, 3.0]), "relu2")
    assert not result.complete
    assert any("off a kink" in note for note in result.notes)


def test_rotation_and_sign():
    x, s = data(2, 6, 3)
    turn = np.eye(3, dtype=object) * fmpq(1)
    turn[1:, 1:] = [[fmpq(3, 5), fmpq(-4, 5)], [fmpq(4, 5), fmpq(3, 5)]]
    exact = np.array([[fmpq(*float(v).as_integer_ratio()) for v in row] for row in x], dtype=object)
    one = find_extremal_orientations(x, s, "relu2")
    other = find_extremal_orientations((exact @ turn.T)[::-1], -s[::-1], "relu2")
    back = np.array([[float(v) for v in row] for row in turn])
    assert len(one.orientations) == len(other.orientations) > 1
    for o in one.orientations:
        match = min(other.orientations, key=lambda q: np.linalg.norm(back @ np.array(o.u) - np.array(q.u)))
        assert np.linalg.norm(back @ np.array(o.u) - np.array(match.u)) < 1e-14
        assert (match.kind, match.value) == (o.kind, pytest.approx(-o.value, rel=1e-13))


SMOOTH_MUTANTS = {
    "slope": ("- along * value * tensor.order", "- along * value * (tensor.order + 1)"),
    "in cell": ("if dot < -reach:", "if dot > reach:"),
    "side": ("for side in (1.0, -1.0):", "for side in (1.0, 1.0):"),
}


@pytest.mark.parametrize("name", SMOOTH_MUTANTS)
def test_mutants_of_the_cells_are_caught(name):
    mutant = mutated(cells, *SMOOTH_MUTANTS[name])

    def several():
        for seed in range(4):
            x, s = data(seed, 3, 3)
            form = one_sided_form(x, s, (2, 1, 0))[0]
            points, _, whole = mutant.smooth_cells(form, 0)
            assert whole
            assert len({o.u for o in points}) == len(points)
            check(points, x, s, (2, 1, 0), 20)

    with pytest.raises(AssertionError):
        several()


def test_mutant_of_the_ascent_is_caught():
    x, s = data(1, 12, 3)
    form = one_sided_form(x, s, "relu2")[0]
    u = search.random_units(60, 3, np.random.default_rng(0))
    assert len(search.ascent(form, u, 1)) > 20
    mutant = mutated(search, "((p - 1) * hessian", "((p + 1) * hessian")
    assert len(mutant.ascent(form, u, 1, steps=20)) < len(search.ascent(form, u, 1, steps=20))
