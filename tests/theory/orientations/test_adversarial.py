"""Problems made to break an enumeration: a wrong `complete` would be the worst answer.

The witnesses are exact: the number of real lines by resultants and Sturm's theorem, and problems whose answer is known
because they were made from an easier one.
"""

import mpmath
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.theory.witnesses.orientations import distance, newton
from theory.errors import TheoryError
from theory.forms.moment_tensor import MomentTensor
from theory.orientations import Kind, Method, find_orientations

X, Y = sympy.symbols("X Y")


def solve(x, s, p, **options):
    return find_orientations(MomentTensor.from_data(np.asarray(x), np.asarray(s), p), **options)


def real_lines(x, s, p, seed=0):
    """The exact number of real fixed lines in D = 3 of integer data, None for a continuum.

    In a random chart u = A (X, Y, 1) the lines are the common zeros of (T u^{p-1} × u)·a for all a.  Two random a leave the
    points where the product is not 0 but orthogonal to both; those of two choices of the second have nothing in common.
    """
    rng = np.random.default_rng(seed)
    chart = sympy.Matrix(rng.integers(-999, 1000, (3, 3)).tolist())
    assert chart.det() != 0
    u = [sympy.Poly(v, X, Y) for v in chart * sympy.Matrix([X, Y, 1])]
    zero = sympy.Poly(0, X, Y)
    slope = [zero] * 3
    for row, signal in zip(np.asarray(x).tolist(), np.asarray(s).tolist(), strict=True):
        dot = sum((int(a) * v for a, v in zip(row, u, strict=True)), zero)
        for k in range(3):
            slope[k] += int(signal) * int(row[k]) * dot ** (p - 1)
    minor = [
        slope[1] * u[2] - slope[2] * u[1],
        slope[2] * u[0] - slope[0] * u[2],
        slope[0] * u[1] - slope[1] * u[0],
    ]
    mixed = [
        sum((int(a) * m for a, m in zip(row, minor, strict=True)), zero)
        for row in rng.integers(-9, 10, (3, 3))
    ]
    first, second = (sympy.Poly(sympy.resultant(mixed[0], m, Y), X) for m in mixed[1:])
    common = sympy.gcd(first, second)
    if common.is_zero:
        return None
    return sympy.Poly(common, X).sqf_part().count_roots()


@st.composite
def small_integers(draw):
    n, width = draw(st.integers(3, 7)), draw(st.sampled_from([1, 2, 5]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return rng.integers(-width, width + 1, (n, 3)), rng.integers(-width, width + 1, n)


@given(small_integers(), st.sampled_from([3, 3, 4]))
@settings(max_examples=max(12, settings.default.max_examples // 2))
def test_property_complete_means_every_real_line(problem, p):
    x, s = problem
    result = solve(x, s, p)
    if result.complete:
        assert len(result.orientations) == 2 * real_lines(x, s, p)
        assert all(o.certified for o in result.orientations)
    else:
        assert result.notes  # and says why


def test_the_count_of_real_lines_is_right_where_it_is_known():
    xor = [[a, b, 1] for a in (-1, 1) for b in (-1, 1)]
    assert real_lines(xor, [a * b for a, b, _ in xor], 3) == 7
    assert real_lines(np.eye(3, dtype=int), [1, 1, 1], 3) == 7
    assert real_lines([[1, 0, 0]], [1], 3) is None


@pytest.mark.parametrize("gap", [1, 10**3, 10**9, 10**15])
def test_lines_that_nearly_meet(gap):
    """One sample is smaller than the others by `gap`, all there is along u3: complete with the exact count, or not."""
    x = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 1], [0, 0, 1], [1, -1, 0]], dtype=object)
    s = np.array([gap, -gap, gap, 1, gap], dtype=object)
    result = find_orientations(MomentTensor.from_data(x, s, 3))
    known = real_lines(x, s, 3)
    assert not result.complete or len(result.orientations) == 2 * known


SCALES = [(1e8, 1.0, 1.0), (1e-8, 1.0, 1.0), (1e3, 1e-3, 1.0), (1.0, 1e5, 30.0)]


@pytest.mark.parametrize("scales", SCALES)
@pytest.mark.parametrize("p", [3, 4])
def test_columns_of_very_different_size(p, scales):
    """Complete; each radius holds in 200 digits, and each kind agrees with the spectrum in 60."""
    rng = np.random.default_rng(p)
    x, s = rng.standard_normal((12, 3)) * np.array(scales), rng.standard_normal(12)
    result = solve(x, s, p)
    assert result.complete
    assert result.lines_found == result.lines_expected
    for o in result.orientations[::2]:
        point = newton(x, s, p, o.u, digits=200)
        assert distance(point, o.u) <= o.radius <= 1e-15
        with mpmath.workdps(150):
            rows = [[mpmath.mpf(float(v)) for v in row] for row in x]
            dots = [mpmath.fdot(row, point) for row in rows]
            value = sum(mpmath.mpf(float(w)) * d**p for w, d in zip(s, dots, strict=True)) / 12
            form = mpmath.zeros(3)
            for row, w, d in zip(rows, s, dots, strict=True):
                for j in range(3):
                    for k in range(3):
                        form[j, k] += (p - 1) * mpmath.mpf(float(w)) * d ** (p - 2) * row[j] * row[k] / 12
            lead = max(range(3), key=lambda k: abs(point[k]))
            rest = [k for k in range(3) if k != lead]
            # Tangent vectors e_k - (u_k/u_lead) e_lead; the sign of the determinant and the trace of the 2 × 2 form.
            t = {
                k: [int(j == k) - (point[k] / point[lead] if j == lead else 0) for j in range(3)]
                for k in rest
            }

            def pulled(j, k, t=t, form=form, value=value):
                return sum(
                    t[j][a] * (form[a, b] - (value if a == b else 0)) * t[k][b]
                    for a in range(3)
                    for b in range(3)
                )

            a, b, c = pulled(rest[0], rest[0]), pulled(rest[0], rest[1]), pulled(rest[1], rest[1])
        if a * c - b * b < 0:
            assert o.kind is Kind.SADDLE
        else:
            assert o.kind is (Kind.ATTRACTOR if (a < 0) == (value > 0) else Kind.DYING)


@pytest.mark.parametrize("p", [3, 4])
def test_a_direction_without_data(p):
    """Three integer columns rotated into four: the same lines, and the one orthogonal to them, all proved."""
    rng = np.random.default_rng(p)
    x, s = rng.integers(-3, 4, (8, 3)), rng.integers(-3, 4, 8)
    flat = solve(x, s, p)
    assert flat.complete
    turn = np.array([[1, 2, 2, 4], [2, -1, 4, -2], [2, -4, -1, 2]])  # orthogonal rows of length 5
    result = solve(x @ turn, s, p)
    assert result.complete
    assert result.lines_found == flat.lines_found + 1
    rows = np.array([o.u for o in result.orientations])
    for o in flat.orientations:
        gap = np.linalg.norm(rows - np.array(o.u) @ turn / 5, axis=1)
        match = result.orientations[int(np.argmin(gap))]
        assert gap.min() < 1e-15
        assert (match.kind, match.neuron_sign) == (o.kind, o.neuron_sign)
    (line,) = [o for o in result.orientations if o.value == 0.0 and np.max(np.abs(turn @ o.u)) < 1e-14][::2]
    assert line.certified
    assert line.kind in (Kind.DEGENERATE, Kind.REPELLER)
    assert "every orientation with P(u) ≠ 0 is listed" in " ".join(result.notes)


def test_few_samples_in_many_dimensions():
    """Six samples in R^30: the 63 lines of their span instead of a search among 2^30."""
    rng = np.random.default_rng(0)
    x, s = rng.standard_normal((6, 30)), rng.standard_normal(6)
    result = solve(x, s, 3)
    assert (result.method, result.lines_found, result.complete) == (Method.HOMOTOPY, 63, False)
    assert "continuum of dimension 23" in result.notes[-1]
    assert "every orientation with P(u) ≠ 0 is listed" in result.notes[-1]
    for o in result.orientations[:6]:
        u = np.array(o.u)
        slope = (s * (x @ u) ** 2) @ x / 6
        assert np.linalg.norm(slope - o.value * u) < 1e-13 * np.linalg.norm(slope)


@pytest.mark.parametrize(("n", "kind"), [(1, "repeller"), (2, "degenerate")])
def test_sphere_without_data_is_described(n, kind):
    """p = 4: one sample makes P ≥ 0, so the sphere where P = 0 repels; two of opposite sign do not."""
    x = np.array([[1.0, 2.0, 0.0, 1.0], [0.0, 1.0, 1.0, -1.0]])[:n]
    result = solve(x, np.array([1.0, -1.0])[:n], 4)
    assert not result.complete
    assert f"continuum of dimension {3 - n}, {kind} as a whole" in result.notes[-1]


@pytest.mark.parametrize("factor", [1e-150, 1e-80, 1e80])
@pytest.mark.parametrize("p", [2, 3])
def test_scale_of_the_data_changes_nothing(p, factor):
    rng = np.random.default_rng(0)
    x, s = rng.standard_normal((20, 3)), rng.standard_normal(20)
    one, other = solve(x, s, p), solve(x * factor, s, p)
    assert other.complete
    for a, b in zip(
        sorted(one.orientations, key=lambda o: o.u),
        sorted(other.orientations, key=lambda o: o.u),
        strict=True,
    ):
        assert np.linalg.norm(np.subtract(a.u, b.u)) < 1e-14  # x·factor is rounded
        assert a.kind is b.kind


def test_values_out_of_range_are_refused_not_guessed():
    with pytest.raises(TheoryError, match="rescale"):
        solve(np.full((2, 3), 1e150) * [[1, 2, 3], [3, 1, -1]], [1.0, 1.0], 3)


@given(st.integers(0, 10_000), st.sampled_from([3, 4, 7, 12]), st.sampled_from([1, 2, 4]))
def test_property_planar_counts_are_sturms(seed, p, width):
    rng = np.random.default_rng(seed)
    x, s = rng.integers(-width, width + 1, (4, 2)), rng.integers(-width, width + 1, 4)
    t = sympy.Symbol("t")
    form = sum(
        int(w) * (int(a) + int(b) * t) ** (p - 1) * (int(b) - int(a) * t)
        for (a, b), w in zip(x, s, strict=True)
    )
    polynomial = sympy.Poly(form, t)
    result = solve(x, s, p)
    if polynomial.is_zero:
        assert not result.complete
        assert "continuum" in result.notes[0]
        return
    at_infinity = polynomial.degree() < p
    assert result.complete
    assert len(result.orientations) == 2 * (polynomial.sqf_part().count_roots() + at_infinity)
    vertical = [o for o in result.orientations if o.u == (0.0, 1.0)]
    assert len(vertical) == at_infinity


def test_planar_of_order_100():
    rng = np.random.default_rng(4)
    x, s = rng.integers(-3, 4, (8, 2)), rng.integers(-3, 4, 8)
    result = solve(x, s, 100)
    assert (result.lines_found, result.complete) == (100, True)
    assert all(o.certified and o.radius < 1e-15 for o in result.orientations)


def test_repeated_samples_are_one_sample():
    rng = np.random.default_rng(1)
    x, s = rng.standard_normal((6, 4)), rng.standard_normal(6)
    one, other = solve(x, s, 3), solve(np.repeat(x, 3, axis=0), np.repeat(s, 3), 3)
    assert [o.u for o in one.orientations] == [o.u for o in other.orientations]
    assert other.complete
