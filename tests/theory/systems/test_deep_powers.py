"""Powers counted term by term against the closed forms of the theory notes, and the refusals."""

from itertools import product

import pytest

from theory import TheoryError, activation
from theory.systems.deep.architecture import Architecture
from theory.systems.deep.powers import FEEDBACK, Kept, power_count, terms_of

SOME = ("silu", "tanh", "sin", "x*tanh(x)", "z**2", "x**2*tanh(x)", "z**3", "log(1+z**2)-z**5")


def count(*names, bias=False, residual=False, **options):
    return power_count(Architecture.of(names, hidden_bias=bias, residual=residual), **options)


def pq(names):
    """(p, q) of each layer, a next order that is never reached for a monomial."""
    acts = [activation(name) for name in names]
    return [(s.multiplicity, s.next_order or 10**6) for s in acts]


def without_bias(names):
    """N_l = p_l (1 + N_{l-1}) and k = min((1 + N_{l-1})(q_l - p_l), 1 + N_L)."""
    n, terms = 0, []
    for p, q in pq(names):
        terms.append((1 + n) * (q - p))
        n = p * (1 + n)
    return n, min([*terms, 1 + n])


@pytest.mark.parametrize("names", [*product(SOME, SOME), *product(("silu", "tanh", "x*tanh(x)"), repeat=3)])
def test_without_bias_all_groups_move_at_order_n(names):
    powers = count(*names)
    n, k = without_bias(names)
    assert {g.degree for g in powers.groups.values()} == {n}
    assert powers.time_exponent == 1 - n
    assert powers.order == k
    assert all(g.lag == 0 and g.accuracy == k for g in powers.groups.values())
    expected = 1
    for p, _ in pq(names):
        expected *= p
    assert powers.groups["w1"].moments == (expected,)


@pytest.mark.parametrize("names", list(product(SOME, SOME)))
def test_with_bias_the_output_layer_moves_first(names):
    (p1, q1), (p2, q2) = pq(names)
    powers = count(*names, bias=True)
    assert {name: g.degree for name, g in powers.groups.items()} == {
        "a": p2, "b2": p2, "w2": p1 + p2, "w1": p1 + p2,
    }  # fmt: skip
    assert powers.time_exponent == 1 - p2
    assert powers.order == min(p1, q2 - p2, p2 + 1)
    assert powers.groups["a"].moments == (0,)
    assert powers.groups["w1"].moments == (p1,)
    assert powers.groups["w1"].lag == p1


@pytest.mark.parametrize("names", list(product(SOME, SOME)))
def test_residual_without_bias_is_the_two_layer_network(names):
    (p1, q1), (p2, _) = pq(names)
    n = p2 * (1 + p1)
    powers = count(*names, residual=True)
    assert [powers.groups[g].degree for g in ("a", "w1", "w2")] == [p1, p1, n]
    assert powers.order == min(q1 - p1, p1 + 1, n - p1)


@pytest.mark.parametrize("names", list(product(SOME, SOME)))
def test_residual_with_bias_takes_both_leading_powers_jointly(names):
    """The notes keep c₁ T w^{p₁} + c₂ s̄ b^{p₂} and freeze V, which costs p₂ - p_m + p₁: the joint form does not."""
    (p1, q1), (p2, q2) = pq(names)
    low = min(p1, p2)
    powers = count(*names, bias=True, residual=True, keeping=Kept.JOINT)
    assert powers.groups["a"].degree == low
    assert powers.groups["a"].gap >= min(q1 - low, q2 - low, low + 1, p2 - low + p1)
    strict = count(*names, bias=True, residual=True)
    assert strict.order <= powers.order
    if p1 != p2:
        assert strict.order <= abs(p1 - p2)


def test_one_hidden_layer_is_the_two_layer_theorem():
    for name in SOME:
        sigma = activation(name)
        powers = count(name)
        assert powers.order == sigma.predicted_order
        assert powers.time_exponent == 1 - sigma.multiplicity


def test_three_layers_with_bias_move_one_after_the_other():
    powers = count("tanh", "x*tanh(x)", "x**2*tanh(x)", bias=True)
    degrees = {name: g.degree for name, g in powers.groups.items()}
    assert degrees == {"a": 3, "b3": 3, "w3": 5, "b2": 5, "w2": 6, "w1": 6}
    assert powers.groups["w3"].needs == {"a", "b2", "b3"}


def test_errors_travel_along_the_equations():
    """b_2's own rate is good to ε², but it is driven by a, known to ε only."""
    powers = count("tanh", "tanh", "tanh", bias=True)
    slow = powers.groups["b2"]
    assert slow.gap == 2
    assert "a" in slow.needs
    assert slow.accuracy == 1 == powers.groups["a"].accuracy


def test_centred_data_slow_the_biases():
    powers = count("tanh", "x*tanh(x)", bias=True, vanishing_moments={0})
    assert {g.degree for g in powers.groups.values()} == {3}
    assert powers.order == 1


def test_the_feedback_is_dropped_for_a_loss_linear_in_f():
    powers = count("z**2", "tanh", curvature_vanishes=True)
    assert FEEDBACK not in powers.order_terms
    assert powers.order == 6
    with pytest.raises(TheoryError, match="exact"):
        count("z**2", "z**3", curvature_vanishes=True)


def test_refusals_name_the_layer_and_the_hypothesis():
    for names, says in (
        (("tanh", "sigmoid"), "layer 2.*σ\\(0\\)"),
        (("relu", "tanh"), "layer 1.*not smooth"),
        ((), "at least one"),
    ):
        with pytest.raises(TheoryError, match=says):
            Architecture.of(names)
    with pytest.raises(TheoryError, match="couples"):
        count("x*tanh(x)", "tanh", bias=True, vanishing_moments={0})


def test_terms_are_those_of_the_expanded_network():
    """The set of terms against SymPy's own expansion of a (w₂ h + b)² + a h, h = w₁ + w₁³."""
    import sympy

    a, w1, w2, b2 = sympy.symbols("a w1 w2 b2")
    h = w1 + w1**3
    f = sympy.Poly(sympy.expand(a * ((w2 * h + b2) ** 2 + h)), a, w1, w2, b2)
    found = {
        t[:-1] for t in terms_of(Architecture.of(["z + z**3", "z**2"], hidden_bias=True, residual=True), 9)
    }
    assert found == {m for m in f.monoms() if sum(m) <= 9}
