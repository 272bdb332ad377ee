"""Complete enumerations against witnesses that see only the data."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from tests.theory.witnesses.orientations import check_orientations, gaussian_data, xor_data
from theory.errors import TheoryError
from theory.forms.moment_tensor import MomentTensor
from theory.orientations import Kind, Method, find_orientations
from theory.orientations.tensor import choose_method, generic_lines

SMALL = [(1, 4), (3, 2), (5, 2), (9, 2), (30, 2), (2, 6), (3, 3), (4, 3), (5, 3), (3, 4), (3, 6), (4, 5)]


def solve(x, s, p, **options):
    return find_orientations(MomentTensor.from_data(x, s, p), **options)


def test_xor_with_bias_breaks_the_2p_bound():
    x, s = xor_data()
    result = solve(x, s, 3)
    assert (result.lines_found, result.lines_expected, result.complete, result.bound_2p) == (7, 7, True, 6)
    assert all(o.certified for o in result.orientations)
    corners = {tuple(np.sign(o.u).astype(int)) for o in result.attractors}
    assert len(result.attractors) == len(corners) == 8
    for o in result.attractors:
        assert np.allclose(np.abs(o.u), 1 / math.sqrt(3), atol=o.radius + 1e-16, rtol=0)
        assert o.neuron_sign == np.prod(np.sign(o.u))
        assert o.value == pytest.approx(o.neuron_sign * 6 / 3**1.5, rel=1e-15)
    assert sum(o.kind is Kind.SADDLE for o in result.orientations) == 6


@pytest.mark.parametrize(("p", "dimension"), SMALL)
def test_gaussian_data(p, dimension):
    x, s = gaussian_data(p, dimension, 0)
    check_orientations(x, s, p, solve(x, s, p), starts=200, newton_lines=2)


def test_spectral_against_numpy_in_fifty_dimensions():
    x, s = gaussian_data(2, 50, 0)
    result = solve(x, s, 2)
    assert (result.lines_found, result.complete) == (50, True)
    expected = np.linalg.eigvalsh((x.T * s) @ x / len(s))
    found = np.sort([o.value for o in result.orientations[::2]])
    assert np.allclose(found, expected, atol=1e-12 * np.abs(expected).max(), rtol=0)
    assert max(o.radius for o in result.orientations) < 1e-15
    extremes = sorted((found[0], found[-1]), key=lambda v: -abs(v))
    assert [o.value for o in result.attractors[::2]] == extremes


def test_largest_of_the_list_is_complete():
    x, s = gaussian_data(5, 6, 0)
    result = solve(x, s, 5)
    assert (result.lines_found, result.lines_expected, result.complete) == (1365, 1365, True)
    check_orientations(x, s, 5, result, starts=100, newton_lines=1)


# The ten shapes whose enumeration must be complete on random data, 21 problems each.
LIST = [(3, 2), (5, 2), (9, 2), (30, 2), (2, 6), (2, 50), (3, 3), (3, 6), (4, 5), (5, 6)]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(21))
@pytest.mark.parametrize(("p", "dimension"), LIST)
def test_many_random_problems(p, dimension, seed):
    x, s = gaussian_data(p, dimension, 1000 + seed)
    # D = 50: half a second a line in high precision.
    check_orientations(
        x, s, p, solve(x, s, p), starts=2000, newton_lines=3 if dimension == 50 else None, converged=0.9
    )


def test_the_witness_notices_a_missing_attractor_and_a_wrong_radius():
    x, s = gaussian_data(3, 3, 0)
    result = solve(x, s, 3)
    check_orientations(x, s, 3, result, starts=100)
    lost = result.attractors[0].u
    gone = (lost, tuple(0.0 - v for v in lost))
    fewer = replace(result, orientations=tuple(o for o in result.orientations if o.u not in gone))
    with pytest.raises(AssertionError, match="missing near"):
        check_orientations(x, s, 3, fewer, starts=100)
    tight = replace(result, orientations=tuple(replace(o, radius=1e-19) for o in result.orientations))
    with pytest.raises(AssertionError):
        check_orientations(x, s, 3, tight, starts=10)


def test_planar_and_homotopy_agree():
    for p in (3, 4, 6):
        x, s = gaussian_data(p, 2, 3)
        one, other = solve(x, s, p), solve(x, s, p, method="homotopy")
        assert (one.method, other.method) == (Method.PLANAR, Method.HOMOTOPY)
        assert one.complete
        assert other.complete
        for a, b in zip(one.orientations, other.orientations, strict=True):
            assert np.linalg.norm(np.subtract(a.u, b.u)) <= a.radius + b.radius
            assert (a.kind, a.neuron_sign) == (b.kind, b.neuron_sign)


def test_the_seed_does_not_change_a_complete_answer():
    x, s = gaussian_data(3, 4, 5)
    one, other = solve(x, s, 3, seed=1), solve(x, s, 3, seed=2)
    for a, b in zip(one.orientations, other.orientations, strict=True):
        assert np.linalg.norm(np.subtract(a.u, b.u)) <= a.radius + b.radius
        assert a.kind is b.kind


def test_multistart_is_certified_and_not_complete():
    x, s = gaussian_data(4, 5, 0)
    whole, part = solve(x, s, 4), solve(x, s, 4, max_paths=100)
    assert part.method is Method.MULTISTART
    assert not part.complete
    assert any("unseen" in note for note in part.notes)
    assert all(o.certified for o in part.orientations)
    points = np.array([o.u for o in whole.orientations])
    for o in part.orientations:
        assert np.linalg.norm(points - np.array(o.u), axis=1).min() <= 2e-15
    assert {o.u for o in part.attractors} == {o.u for o in whole.attractors}


def test_json_document():
    x, s = gaussian_data(3, 3, 1)
    document = json.loads(json.dumps(solve(x, s, 3).to_json(), allow_nan=False))
    keys = {
        "multiplicity",
        "dimension",
        "bias",
        "bound_2p",
        "lines_expected",
        "lines_found",
        "complete",
        "method",
    }
    assert keys | {"notes", "attractors", "dying", "orientations"} <= set(document)
    assert document["attractors"] == sum(o["kind"] == "attractor" for o in document["orientations"])
    assert set(document["orientations"][0]) == {"u", "value", "kind", "neuron_sign", "certified", "radius"}
    assert "<table>" in solve(x, s, 3)._repr_html_()


def test_choice_of_method_and_refusals():
    assert [choose_method(1, 7, 9), choose_method(8, 1, 9)] == [Method.LINEAR] * 2
    assert choose_method(2, 2, 9) is Method.PLANAR
    assert choose_method(2, 3, 9) is Method.SPECTRAL
    assert choose_method(3, 3, 7) is Method.HOMOTOPY
    assert choose_method(3, 3, 6) is Method.MULTISTART
    assert [generic_lines(3, 6), generic_lines(5, 6), generic_lines(2, 50), generic_lines(1, 9)] == [
        63,
        1365,
        50,
        1,
    ]
    tensor = MomentTensor.from_data(*gaussian_data(3, 3, 0), 3)
    with pytest.raises(TheoryError, match="accepted: homotopy, multistart"):
        find_orientations(tensor, method="planar")
    with pytest.raises(TheoryError, match="unknown method"):
        find_orientations(tensor, method="guess")
