"""The hunter finds what is false by itself, finds nothing where a theorem holds, and its certificates stand alone."""

import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import theory
from tests.verify.called import call
from verify.cli import main
from verify.errors import UsageError
from verify.hunt import HUNTS, Certificate, Target, hunt, register, run
from verify.hunt.counting import fixed_by_climbing, fixed_by_turning, growing_lines, starting_directions
from verify.hunt.growing import GrowingBound
from verify.hunt.points import Points, canonical, draw, simpler, vary

ISOLATED = frozenset({"isolated"})


def tensor_of(x, y, order):
    return theory.MomentTensor.from_data(np.column_stack([x, np.ones(len(x), dtype=int)]), np.array(y), order)


def fingerprint(document) -> tuple:
    """|P| over all fixed orientations up to scale: the same for any two forms that a rotation turns into each other."""
    values = sorted(abs(o["value"]) for o in document["orientations"])
    return tuple(np.round(np.array(values) / values[-1], 6))


@pytest.mark.parametrize(("order", "dimension"), [(2, 3), (3, 3), (4, 3), (3, 4)])
def test_the_quick_count_is_the_certified_one(order, dimension):
    generator = np.random.default_rng(order)
    points = [draw(dimension - 1, dimension + 1, dimension + 4, generator) for _ in range(15)]
    quick = growing_lines(points, order, starting_directions(order, dimension))
    exact = [len(theory.find_orientations(tensor_of(p.x, p.y, order)).attractors) for p in points]
    assert all(2 * len(q) <= e for q, e in zip(quick, exact, strict=True))
    assert sum(2 * len(q) == e for q, e in zip(quick, exact, strict=True)) >= 13


@given(st.integers(1, 5), st.lists(st.tuples(st.integers(-4, 4), st.integers(-9, 9)), min_size=2, max_size=7))
def test_property_turning_counts_the_isolated_fixed_orientations(order, data):
    x, y = [(a,) for a, _ in data], [b for _, b in data]
    found = theory.find_orientations(tensor_of(np.array(x), y, order))
    count = fixed_by_turning(x, y, order)
    if found.lines_found == 0:
        assert count is None
    else:
        assert count is not None
        assert count <= len(found.orientations)
        crossings = {n for n in found.notes if "multiplicity" in n}
        if not crossings:  # a double line does not turn the sign
            u = np.array([o.u for o in found.orientations])
            near = np.arccos(np.clip(np.abs(u @ u.T) - 2 * np.eye(len(u)), -1, 1))
            if not np.any((near < 0.02) & (near > 1e-6)):
                assert count == len(found.orientations)


def test_climbing_finds_the_two_orientations_of_order_one():
    assert fixed_by_climbing([(1.0, 2.0), (0.0, -1.0)], [1.0, 3.0]) == 2
    assert fixed_by_climbing([(0.0,), (1.0,), (-1.0,)], [2.0, -1.0, -1.0]) is None


@pytest.mark.parametrize(("multiplicity", "dimension", "seed"), [(3, 3, 0), (4, 3, 4), (3, 4, 1)])
def test_c1_falls_by_a_small_certified_counterexample(multiplicity, dimension, seed):
    find = hunt("C1", Target(multiplicity, dimension), seed=seed)
    assert find.found
    document = json.loads(json.dumps(find.document(), allow_nan=False))
    example = document["counterexample"]
    x, y, certificate = np.array(example["x"]), np.array(example["y"]), example["certificate"]
    assert x.shape == (len(y), dimension - 1)
    assert len(y) <= multiplicity + dimension
    assert x.dtype.kind == y.dtype.kind == "i"
    assert max(np.abs(x).max(), np.abs(y).max()) <= 9
    # The public road from data to orientations says the same.
    found = theory.predict(x, y, example["activation"], bias=example["bias"]).orientations
    assert found.complete
    assert len(found.attractors) == certificate["growing"] > 2 * multiplicity
    assert all(o.certified for o in found.orientations)
    # The second witness ends nowhere else, and meets each of them.
    assert certificate["witness"]["elsewhere"] == 0
    assert len(certificate["witness"]["shares"]) == certificate["growing"]
    assert min(certificate["witness"]["shares"]) > 0.005
    # No point can be spared.
    hunted = GrowingBound(Target(multiplicity, dimension))
    points = Points.from_arrays(x, y)
    fewer = [p for p in simpler(points) if len(p.y) < len(y)]
    assert len(fewer) == len(y)
    assert not any(hunted.certify(p) for p in fewer)


def test_a_seed_reproduces_its_find_and_another_finds_another():
    finds = [hunt("C1", Target(3, 3), seed=seed) for seed in (2, 3, 2)]
    documents = [{k: v for k, v in f.document().items() if k != "seconds"} for f in finds]
    assert documents[0] == documents[2]
    certificates = [f.certificate.document for f in finds]
    assert certificates[0]["canonical"] != certificates[1]["canonical"]
    assert fingerprint(certificates[0]) != fingerprint(certificates[1])


@pytest.mark.slow
@pytest.mark.parametrize(("multiplicity", "dimension"), [(3, 3), (4, 3), (3, 4), (4, 4)])
def test_five_seeds_find_within_a_minute_each_and_not_all_the_same(multiplicity, dimension):
    finds = [hunt("C1", Target(multiplicity, dimension), seed=seed) for seed in range(5)]
    assert all(f.found and f.seconds < 60 for f in finds)
    assert all(f.certificate.document["complete"] for f in finds)
    assert len({tuple(f.certificate.document["canonical"]) for f in finds}) >= 3
    assert len({fingerprint(f.certificate.document) for f in finds}) >= 3


@pytest.mark.parametrize(
    ("claim", "target", "trials"),
    [
        ("C1", Target(2, 3), 320),  # a theorem for p = 2
        ("C1", Target(3, 2), 320),  # and for D = 2
        ("C1", Target(3, 3, bound=8), 320),  # seven lines, and maxima + minima - saddles = 2 on the sphere
        ("P1b", Target(None, None), 400),
        ("P1a", Target(None, None), 200),
    ],
)
def test_nothing_is_found_where_a_theorem_holds(claim, target, trials):
    find = hunt(claim, target, trials=trials)
    assert not find.found
    assert find.trials == trials
    assert find.document()["counterexample"] is None


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_without_isolated_the_degenerate_data_are_found(order):
    """Their P is constant on the circle: checked in rational arithmetic at points of the circle."""
    find = hunt("P1b", Target(order, None, drop=ISOLATED), trials=500)
    assert find.found
    example = find.counterexample
    assert len({tuple(row) for row in example["x"]}) == len(example["y"]) <= order + 2
    values = set()
    for t in (Fraction(0), Fraction(1, 2), Fraction(-2, 3), Fraction(5), Fraction(1, 7), Fraction(-3)):
        cosine, sine = (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)
        values.add(
            sum(b * (cosine * a + sine) ** order for (a,), b in zip(example["x"], example["y"], strict=True))
        )
    assert len(values) == 1
    assert order % 2 == 0 or values == {0}


def test_a_bound_that_is_too_small_is_refuted():
    find = hunt("P1b", Target(3, None, bound=4))
    assert find.certificate.document["fixed"] == 6
    assert find.certificate.document["complete"]


def test_certify_takes_no_score_for_a_proof():
    hunted = GrowingBound(Target(3, 3))
    assert hunted.certify(Points(((0, 1), (1, 0), (2, 2)), (1, 2, 3))) is None
    xor = Points(((1, 1), (1, -1), (-1, 1), (-1, -1)), (1, -1, -1, 1))
    assert hunted.certify(xor).document["growing"] == 8
    assert hunted.certify(Points(xor.x + xor.x[:1], (*xor.y, 5))) is None  # two targets for one input


@given(st.integers(0, 10_000))
def test_property_canonical_is_blind_to_symmetry_and_to_nothing_else(seed):
    generator = np.random.default_rng(seed)
    x, y = generator.integers(-3, 4, (5, 3)), generator.integers(1, 6, 5)
    base = canonical(theory.MomentTensor.from_data(x, y, 3))
    moved = x[:, generator.permutation(3)] * generator.choice([-1, 1], 3)
    assert canonical(theory.MomentTensor.from_data(moved, -7 * y, 3)) == base
    assert canonical(theory.MomentTensor.from_data(x[::-1], y[::-1], 3)) == base
    other = y + np.eye(5, dtype=int)[0]
    if np.any(x[0]):
        assert canonical(theory.MomentTensor.from_data(x, other, 3)) != base or np.all(x[0] == 0)


def test_simpler_points_are_other_points_and_moves_stay_whole():
    generator = np.random.default_rng(0)
    points = draw(2, 5, 5, generator)
    assert all(p != points for p in simpler(points))
    assert any(p.size < points.size for p in simpler(points))
    assert all(isinstance(v, int) for row in vary(points, generator).x for v in row)


class Squares:
    """A hunt of one's own: 'no whole number up to 1000 is a square above 500 and ends in 9'."""

    claim, statement = "squares", "No square above 500 ends in 9."

    def sample(self, generator):
        return int(generator.integers(1000))

    def vary(self, candidate, generator):
        return int(np.clip(candidate + generator.integers(-3, 4), 0, 1000))

    def score(self, candidates):
        return np.array([1 if c > 500 and c % 10 == 9 else -abs(c - 500) / 500 for c in candidates])

    def simpler(self, candidate):
        yield candidate - 1
        yield candidate // 2

    def size(self, candidate):
        return (candidate,)

    def certify(self, candidate):
        root = round(candidate**0.5)
        if root * root != candidate or candidate <= 500 or candidate % 10 != 9:
            return None
        return Certificate(f"{root}² = {candidate}", {"root": root})

    def describe(self, candidate):
        return {"x": [[candidate]], "y": [0], "activation": "", "bias": False}


def test_a_hunt_of_ones_own_runs_by_the_same_rules():
    find = run(Squares(), seed=1)
    assert find.certificate.document["root"] ** 2 in (529, 729)
    register("squares", lambda target: Squares())
    try:
        assert hunt("squares", seed=1).counterexample == find.counterexample
        with pytest.raises(UsageError, match="already"):
            register("squares", lambda target: Squares())
    finally:
        del HUNTS["squares"]


def test_the_command_prints_writes_and_exits(capsys, tmp_path):
    path = tmp_path / "find.csv"
    code, out, _ = call(capsys, "hunt", "C1", "--seed", "1", "--save", str(path), "--quiet")
    assert code == 1
    for part in ("exactly 8 orientations grow, more than 6", "P(u) = Σ y (u·x)^3", "second witness"):
        assert part in out
    with pytest.raises(SystemExit):
        main(["orientations", str(path), "--activation", "z**3", "--json", "--quiet"])
    assert json.loads(capsys.readouterr().out)["attractors"] == 8
    code, out, err = call(capsys, "hunt", "P1b", "--trials", "50", "--json", "--quiet")
    document = json.loads(out)
    assert (code, err) == (3, "")
    assert {"claim", "found", "trials", "counterexample"} <= set(document)
    assert (document["found"], document["trials"], document["counterexample"]) == (False, 50, None)


def test_an_activation_sets_the_multiplicity(capsys):
    code, out, _ = call(capsys, "hunt", "C1", "--activation", "-x**2*tanh(x)", "--json", "--quiet")
    document = json.loads(out)
    assert code == 1
    assert document["counterexample"]["activation"] == "-x**2*tanh(x)"
    assert document["counterexample"]["certificate"]["bound"] == 6


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("C9",), "no hunt for the claim 'C9'"),
        (("C1", "--drop", "isolated"), "no hypothesis"),
        (("P1b", "--drop", "smooth"), "accepted: isolated"),
        (("P1b", "--dimension", "3"), "dimension 2 only"),
        (("P1a", "--multiplicity", "2"), "multiplicity 1 only"),
        (("C1", "--dimension", "1"), "at least 2"),
        (("C1", "--multiplicity", "0"), "multiplicity is 0"),
        (("C1", "--trials", "0"), "trials is 0"),
        (("C1", "--activation", "relu"), "smooth"),
        (("C1", "--activation", "tanh", "--multiplicity", "3"), "give one of them"),
        (("C1", "--save", "nowhere/find.csv"), "--save"),
    ],
)
def test_bad_usage_is_refused_in_one_line(capsys, arguments, says):
    code, out, err = call(capsys, "hunt", *arguments, "--quiet")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert says in err
