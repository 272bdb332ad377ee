"""Basin shares: sampling against integration, integration against closed cases, intervals against SciPy."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from theory import Fate, Kind, MomentTensor, SmoothField, TheoryError, basin_shares, find_orientations
from theory.flows.basins import ShareMethod, clopper_pearson


def form(terms, order, dimension, c=1.0):
    tensor = MomentTensor.from_coefficients(list(terms), list(terms.values()), order, dimension)
    return SmoothField(tensor, c)


def planar(p, seed, c=1.0):
    rng = np.random.default_rng([p, seed])
    return SmoothField(MomentTensor.from_data(rng.standard_normal((9, 2)), rng.standard_normal(9), p), c)


def test_sum_of_cubes():
    """P = Σ u_k³, D = 3: 94.8 % grow, to the six ±e_k; 5.2 % die at ±(1,1,1)/√3 (4000 neurons, measured before)."""
    shares = basin_shares(form({(3, 0, 0): 1, (0, 3, 0): 1, (0, 0, 3): 1}, 3, 3), samples=4000, seed=5)
    assert shares.method is ShareMethod.SAMPLING
    assert shares.elsewhere == 0
    # Two independent counts of 4000: their difference has a standard deviation of √(2·0.948·0.052/4000) = 0.005.
    assert abs(shares.total(Fate.GROWS) - 0.948) < 4 * 0.005
    assert shares.total(Fate.DIES) == pytest.approx(1 - shares.total(Fate.GROWS), abs=1e-12)
    growing = [s for s in shares.shares if s.fate is Fate.GROWS]
    assert {tuple(np.round(s.orientation.u)) for s in growing} == {
        tuple(sign * row) for row in np.eye(3) for sign in (1.0, -1.0)
    }
    dying = [s.orientation.u for s in shares.shares if s.fate is Fate.DIES]
    np.testing.assert_allclose(np.abs(dying), 1 / np.sqrt(3), atol=1e-15)
    # The axes are equivalent: their counts are one draw of a uniform multinomial.
    counts = [2 * s.share * 4000 for s in growing[::2]]
    assert stats.chisquare(counts).pvalue > 1e-3


PLANAR = [(2, 0, 1.0, 1.0), (3, 1, -0.7, 0.3), (4, 1, 2.0, 2.0), (5, 3, 1.0, 1.0), (2, 2, -1.0, 0.5)]


@pytest.mark.parametrize(("p", "seed", "c", "ratio"), PLANAR)
def test_integration_agrees_with_sampling(p, seed, c, ratio):
    field = planar(p, seed, c)
    exact = basin_shares(field, ratio=ratio)
    counted = basin_shares(field, ratio=ratio, samples=1500, seed=1, method="sampling")
    assert (exact.method, counted.method) == (ShareMethod.INTEGRATION, ShareMethod.SAMPLING)
    assert counted.elsewhere == 0
    assert sum(s.share for s in exact.shares) == pytest.approx(1, abs=1e-12)
    seen = {(s.orientation.u, s.fate): s.share for s in counted.shares}
    for s in exact.shares:
        assert s.high - s.low < 1e-6
        line = 2 * s.share
        deviation = np.sqrt(line * (1 - line) / 1500) + 1e-9
        assert abs(2 * seen.get((s.orientation.u, s.fate), 0.0) - line) < 4.5 * deviation


@pytest.mark.parametrize(("c", "ratio"), [(1.0, 1.0), (1.0, 0.2), (-1.0, 3.0)])
def test_definite_form_in_closed_form(c, ratio):
    """P > 0 everywhere: half the neurons have a c < 0 and die unless p a² < r², which has chance (1 + p ρ²)^{-1/2}."""
    field = form({(2, 0): 1, (0, 2): 2}, 2, 2, c)
    shares = basin_shares(field, ratio=ratio)
    dying = (1 - 1 / np.sqrt(1 + 2 * ratio**2)) / 2
    assert shares.total(Fate.DIES) == pytest.approx(dying, abs=1e-12)
    assert {s.orientation.kind for s in shares.shares if s.fate is Fate.DIES} == {Kind.DYING}


def test_symmetric_saddle_shape_in_closed_form():
    """P = u1 u2 has four equivalent growing orientations."""
    shares = basin_shares(form({(1, 1): 1}, 2, 2))
    np.testing.assert_allclose([s.share for s in shares.shares], 0.25, atol=1e-9)


def test_order_one_is_exact():
    field = form({(1, 0, 0): 2, (0, 0, 1): -1}, 1, 3)
    shares = basin_shares(field)
    assert shares.method is ShareMethod.SYMMETRY
    assert [(s.share, s.low, s.high) for s in shares.shares] == [(0.5, 0.5, 0.5)] * 2
    counted = basin_shares(field, method="sampling", samples=500)
    assert all(s.share == 0.25 + 0.25 for s in counted.shares)


def test_scale_of_the_tensor_does_not_matter_and_ratio_does():
    field = planar(3, 4)
    rest = [[s.share for s in basin_shares(f, ratio=0.5).shares] for f in (field, planar(3, 4, 1e6))]
    np.testing.assert_allclose(*rest, rtol=1e-12)
    definite = form({(2, 0): 1, (0, 2): 2}, 2, 2)
    totals = [basin_shares(definite, ratio=r).total(Fate.DIES) for r in (0.1, 1.0, 10.0)]
    assert totals == sorted(totals)


def test_neurons_without_a_listed_end_are_elsewhere():
    """P = u1⁴: what is drawn to (0, 1), where P = 0, has no basin in the list."""
    field = form({(4, 0): 1}, 4, 2)
    shares = basin_shares(field, samples=100, max_steps=500)
    assert shares.method is ShareMethod.SAMPLING
    assert 0 < shares.elsewhere < 1
    assert shares.total(Fate.GROWS) + shares.elsewhere == pytest.approx(1)


@given(st.integers(0, 40), st.integers(1, 40), st.sampled_from([0.5, 0.95, 0.999]))
def test_property_interval_is_clopper_pearsons(count, total, confidence):
    count = min(count, total)
    known = stats.binomtest(count, total).proportion_ci(confidence, method="exact")
    np.testing.assert_allclose(clopper_pearson(count, total, confidence), (known.low, known.high), atol=1e-11)


def test_document_and_html():
    shares = basin_shares(planar(3, 1))
    document = json.loads(json.dumps(shares.to_json(), allow_nan=False))
    assert sum(entry["share"] for entry in document["shares"]) == pytest.approx(1)
    assert {"u", "kind", "fate", "share", "interval", "neuron_sign"} == set(document["shares"][0])
    assert "basin shares by integration" in shares._repr_html_()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: basin_shares(planar(3, 1), ratio=0.0), "accepted: a finite number above 0"),
        (lambda: basin_shares(planar(3, 1), samples=0), "accepted: at least 1"),
        (lambda: basin_shares(planar(3, 1), confidence=1.0), "in \\(0, 1\\)"),
        (lambda: basin_shares(planar(3, 1), method="guess"), "accepted: symmetry, integration, sampling"),
        (lambda: basin_shares(planar(3, 1), method="symmetry"), "accepted: integration, sampling"),
        (lambda: basin_shares(form({(2, 0): 0}, 2, 2)), "c T = 0"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(TheoryError, match=message):
        call()


def test_given_orientations_are_used():
    field = planar(3, 1)
    found = find_orientations(field.tensor)
    assert basin_shares(field, found).to_json() == basin_shares(field).to_json()
