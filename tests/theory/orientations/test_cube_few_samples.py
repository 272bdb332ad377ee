"""Sign descent on fewer samples than coordinates: faces that hold no maximum are left out, and the answer is complete."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given
from hypothesis import strategies as st

from tests.theory.mutants.mutated import mutated
from tests.theory.orientations.test_cube import climb
from theory import predict
from theory.forms.moment_tensor import MomentTensor
from theory.orientations import sign_descent_orientations
from theory.orientations.cube import boxes as cube_boxes
from theory.orientations.cube import search as cube_search

CASES = Path(__file__).parents[2] / "cases"


@pytest.mark.parametrize(("p", "best", "second"), [(3, 1.12198, 0.896556), (4, 2.33238, 2.0341)])
def test_five_samples_at_two_places(p, best, second):
    """The two of them span a plane of R^4; values from the sixteen corners, which the data are exact enough to list."""
    data = np.load(CASES / "sign-descent-slow.npz")
    found = predict(data["x"], data["y"], f"z**{p}", optimizer="sign").orientations
    assert found.complete
    assert len(found.attractors) == 4
    assert sorted(abs(o.value) for o in found.attractors) == pytest.approx(
        2 * [second] + 2 * [best], rel=1e-5
    )
    x = np.column_stack([data["x"], np.ones(5)])
    corners = np.array(list(itertools.product((-1, 1), repeat=4)))
    slopes = (data["y"] * (corners @ x.T) ** (p - 1)) @ x
    value = (data["y"] * (corners @ x.T) ** p).sum(axis=1)
    strict = np.all(np.sign(value)[:, None] * slopes * corners > 0, axis=1)
    assert {tuple(np.sign(o.u)) for o in found.attractors} == {
        tuple(v) for v in corners[strict].astype(float)
    }


def few(seed):
    rng = np.random.default_rng(seed)
    dimension = int(rng.integers(3, 5))
    n, p = int(rng.integers(1, dimension)), int(rng.integers(3, 6))
    return rng.normal(size=(n, dimension)), rng.choice([-1.0, 1.0], size=n), p


def unlisted(result, x, s, p):
    """The farthest that projected ascent of |P| ends from a listed orientation, over starts that reach |P| > 1e-4."""
    farthest = 0.0
    listed = np.array([o.u for o in result.orientations])
    for sign in (1, -1):
        ends = climb(x, s, p, sign, starts=100)
        ends = ends[sign * np.mean(s * (ends @ x.T) ** p, axis=1) > 1e-4]
        u = ends / np.linalg.norm(ends, axis=1, keepdims=True)
        farthest = max(
            farthest, np.linalg.norm(u[:, None] - listed[None], axis=2).min(axis=1).max(initial=0.0)
        )
    return farthest


@given(st.integers(0, 2**32))
def test_property_few_samples_are_complete(seed):
    x, s, p = few(seed)
    result = sign_descent_orientations(MomentTensor.from_data(x, s, p))
    assert result.complete
    assert unlisted(result, x, s, p) < 1e-2


def test_which_faces_are_empty():
    """K = span{(1, -1, 0, 0)}: P is constant along it inside {0, 1, ...}, and all slopes vanish inside {0, 2, 3}."""
    unseen = ((fmpq(1), fmpq(-1), fmpq(0), fmpq(0)),)
    for off in itertools.chain.from_iterable(itertools.combinations(range(4), k) for k in range(5)):
        inside = set(range(4)) - set(off)
        expected = {0, 1} <= inside or (len(inside) == 3 and len(inside & {0, 1}) == 1)
        assert cube_boxes._is_empty(unseen, list(off)) == expected
        assert cube_boxes._is_empty((), list(off)) == (not off)


MUTANTS = {
    "all": (
        "return rank < len(unseen) or rank == len(off)",
        "return rank <= len(unseen) and len(off) < len(unseen[0])",
    ),
    "edges": (
        "return rank < len(unseen) or",
        "return rank <= len(unseen) and len(off) == len(unseen[0]) - 1 or",
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_mutants_that_leave_out_too_much_are_caught(name, monkeypatch):
    mutant = mutated(cube_boxes, *MUTANTS[name])
    monkeypatch.setattr("theory.orientations.cube.box_maxima", mutant.box_maxima)
    gaps = []
    for seed in range(12):
        x, s, p = few(seed)
        result = sign_descent_orientations(MomentTensor.from_data(x, s, p))
        gaps.append(unlisted(result, x, s, p) if result.orientations else 1.0)
    assert max(gaps) > 1e-2


def test_a_continuum_is_given_up_and_searched():
    """Zeros of T v⁴ of high multiplicity, and a budget that does not outlast them."""
    x = np.array([[1, 1, 0], [1, -1, 0], [1, 1, 1], [1, -1, 1.0]])
    found = sign_descent_orientations(MomentTensor.from_data(x, np.array([1, 1, -1, -1.0]), 5), max_boxes=400)
    assert not found.complete
    assert any("given up" in note and "estimated unseen share" in note for note in found.notes)


def test_the_unseen_share_counts_what_was_met_once():
    met = cube_search.Met([], [5, 1, 3, 1], 7)
    assert (met.hits, met.unseen) == (10, "0.2")
    assert cube_search.Met([], [], 3).unseen == "unknown"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_six_dimensions(seed):
    rng = np.random.default_rng(seed)
    x, s = rng.normal(size=(20, 6)), rng.normal(size=20)
    result = sign_descent_orientations(MomentTensor.from_data(x, s, 3))
    assert result.complete
    assert unlisted(result, x, s, 3) < 1e-2
