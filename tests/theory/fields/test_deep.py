"""The derived leading gradients of deep networks against automatic differentiation, with mutants and balances."""

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from tests.theory.witnesses.deep import (
    INPUTS,
    PAIRS,
    SETTINGS,
    TRIPLES,
    X,
    Y,
    drawn,
    field_of,
    gradient_laws,
    network,
    real_gradient,
)  # fmt: skip
from theory import MomentTensor, SmoothField, activation
from theory.fields.deep import DeepField
from theory.systems.deep.powers import Kept
from theory.systems.deep.system import deep_system, derived

CASES = [(names, bias, residual) for names in (*PAIRS, *TRIPLES) for bias, residual in SETTINGS]


@pytest.mark.parametrize("keeping", Kept)
@pytest.mark.parametrize(("names", "bias", "residual"), CASES)
def test_every_group_has_its_predicted_gradient_order_and_accuracy(names, bias, residual, keeping):
    """Orders of the gradient, and of its distance to the leading one, by slopes over a factor of 4 in ε."""
    field, net = (
        field_of(names, bias=bias, residual=residual, keeping=keeping),
        network(names, bias=bias, residual=residual),
    )
    for group, (degree, gap) in gradient_laws(field, net, drawn(net), (4e-4, 1e-4)).items():
        law = field.powers.groups[group]
        assert abs(degree - law.degree) < 0.01
        # Below 1e-12 the distance is rounding: the leading gradient is better than can be seen.
        if law.gap <= 3:
            assert abs(gap - law.gap) < 0.08, (group, gap, law.gap)


@pytest.fixture(scope="module", params=SETTINGS, ids=["plain", "bias", "residual", "both"])
def honest(request):
    bias, residual = request.param
    names = ("x*tanh(x)", "tanh")
    return field_of(names, bias=bias, residual=residual), network(names, bias=bias, residual=residual)


def remade(field, **changes):
    """The field of another power count, for mutants of orders."""
    return replace(field, powers=replace(field.powers, **changes))


def test_a_wrong_signal_does_not_vanish(honest):
    field, net = honest
    for wrong in (replace(field, signal=1.01 * field.signal), replace(field, signal=-field.signal)):
        laws = gradient_laws(wrong, net, drawn(net), (4e-5, 1e-5))
        assert all(abs(gap) < 0.2 for _, gap in laws.values())


@pytest.mark.parametrize(
    "wrong", [("1.01*x*tanh(x)", "tanh"), ("-x*tanh(x)", "tanh"), ("x*tanh(x)", "1.01*tanh(z)")]
)
def test_a_wrong_coefficient_is_seen_by_every_group_it_enters(honest, wrong):
    field, net = honest
    mutant = field_of(wrong, bias=field.architecture.hidden_bias, residual=field.architecture.residual)
    laws = gradient_laws(mutant, net, drawn(net), (4e-5, 1e-5))
    blind = {
        g for g, (_, gap) in laws.items() if abs(gap) > 0.2
    }  # groups whose leading gradient has no such factor
    layer = 1 if wrong[1] == "tanh" else 2
    terms = {g: field.powers.groups[g].moments for g in laws}
    if layer == 1:
        assert blind == {g for g, moments in terms.items() if moments == (0,)}
    else:
        assert "w2" not in blind


@pytest.mark.parametrize("shift", [-1, 1])
def test_a_wrong_power_is_no_leading_gradient(honest, shift):
    field, net = honest
    groups = {
        name: replace(group, kept=tuple(n + shift for n in group.kept))
        for name, group in field.powers.groups.items()
    }
    mutant = remade(field, groups=MappingProxyType(groups))
    for _, gap in gradient_laws(mutant, net, drawn(net), (4e-5, 1e-5)).values():
        assert gap < 0.5


def test_one_hidden_layer_is_the_two_layer_field():
    for name in ("tanh", "x*tanh(x)", "x**2*tanh(x)"):
        sigma = activation(name)
        deep = DeepField.of([name], X, Y)
        smooth = SmoothField(
            MomentTensor.from_data(X, Y, sigma.multiplicity), float(sigma.leading_coefficient)
        )
        theta = drawn(network([name]))
        rates = deep(theta)
        a_dot, w_dot = smooth(theta["a"][0], theta["w1"])
        np.testing.assert_allclose(rates["a"][0], a_dot, rtol=1e-12)
        np.testing.assert_allclose(rates["w1"], w_dot, rtol=1e-12)


def test_two_layers_without_bias_are_the_written_formula():
    """H = c₂ mean(s Σ_k a_k z_k^{p₂}), z = c₁ V (W x)^{p₁}, differentiated by hand."""
    field = field_of(("x*tanh(x)", "x**2*tanh(x)"))
    theta = drawn(network(("x*tanh(x)", "x**2*tanh(x)")))
    a, v, w = theta["a"][0], theta["w2"], theta["w1"]
    z1 = X @ w.T
    h1 = z1**2
    z2 = h1 @ v.T
    delta2 = Y[:, None] * 3 * a * z2**2
    delta1 = (delta2 @ v) * 2 * z1
    rates = field(theta)
    np.testing.assert_allclose(rates["a"][0], (Y[:, None] * z2**3).mean(0), rtol=1e-12)
    np.testing.assert_allclose(rates["w2"], delta2.T @ h1 / len(Y), rtol=1e-12)
    np.testing.assert_allclose(rates["w1"], delta1.T @ X / len(Y), rtol=1e-12)


@pytest.mark.parametrize("keeping", Kept)
@pytest.mark.parametrize(("names", "bias", "residual"), CASES[::3])
def test_balances_are_conserved_neuron_by_neuron(names, bias, residual, keeping):
    field = field_of(names, bias=bias, residual=residual, keeping=keeping)
    theta = drawn(network(names, bias=bias, residual=residual), seed=3)
    split = field.architecture.split
    here, rates = split(theta), split(field(theta))
    for balance in field.balances:
        # A quadratic form Q has Q(θ + δ) - Q(θ - δ) = 4 B(θ, δ) exactly; δ is the rate, made as long as θ.
        ratio = max(np.max(np.abs(v)) for v in here.values()) / max(np.max(np.abs(v)) for v in rates.values())

        def change(form, ratio=ratio):
            up, down = ({g: here[g] + sign * ratio * rates[g] for g in here} for sign in (1, -1))
            return np.max(np.abs(form.value(up) - form.value(down)))

        size = sum(np.max(np.abs(here[g])) * np.max(np.abs(ratio * rates[g])) for g, _ in balance.weights)
        assert change(balance) < 1e-10 * size
        last, alpha = balance.weights[-1]
        assert change(replace(balance, weights=(*balance.weights[:-1], (last, 2 * alpha)))) > 1e-4 * size
    if not residual and keeping is Kept.STRICT:
        assert len(field.balances) >= len(names)


def test_network_axes_in_front_are_independent():
    field, net = field_of(("tanh", "x*tanh(x)"), bias=True), network(("tanh", "x*tanh(x)"), bias=True)
    two = [drawn(net, seed) for seed in (1, 2)]
    stacked = field({name: np.stack([t[name] for t in two]) for name in net.shapes})
    for k, theta in enumerate(two):
        for name, value in field(theta).items():
            np.testing.assert_allclose(stacked[name][k], value, rtol=1e-13)


def test_several_outputs():
    y = np.column_stack([Y, np.roll(Y, 3) - 0.5])
    field = field_of(("tanh", "x*tanh(x)"), bias=True, y=y)
    net = network(("tanh", "x*tanh(x)"), bias=True, outputs=2)
    for group, (degree, gap) in gradient_laws(field, net, drawn(net), (4e-4, 1e-4), y=y).items():
        law = field.powers.groups[group]
        assert abs(degree - law.degree) < 0.01
        assert abs(gap - law.gap) < 0.05


def test_vanishing_moments_are_found_exactly():
    """Centred targets stop the biases; on XOR data T_1 = 0, and the third order takes over."""
    centred = np.array([1.0, -2.0, 0.5, 0.25, 0.25] + [0.0] * 9)
    assert field_of(("tanh", "x*tanh(x)"), bias=True, y=centred).powers.vanishing == {0}
    grid = np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])
    x, xor = np.column_stack([grid, np.ones(4)]), np.array([1.0, -1, -1, 1])
    assert DeepField.of(("tanh", "x*tanh(x)"), x, xor).powers.vanishing == set()
    field, net = DeepField.of(("tanh", "tanh"), x, xor), network(("tanh", "tanh"))
    assert field.powers.vanishing == {1}
    for group, (degree, gap) in gradient_laws(field, net, drawn(net), (4e-3, 1e-3), grid, xor).items():
        assert degree == pytest.approx(4, abs=0.02) == field.powers.groups[group].degree
        assert gap == pytest.approx(field.powers.groups[group].gap, abs=0.1)


def test_equations_as_text_are_those_of_the_notes():
    text = deep_system(("tanh", "x*tanh(x)"), hidden_bias=True).text()
    for line in (
        "dw_1/dt = 2*a*b_2*w_2*mean(s*x)",
        "db_2/dt = 2*a*b_2*mean(s)",
        "K1 = w_1**2 - w_2**2",
        "K2 = -2*a**2 + b_2**2",
        "t = τ ε^-1",
        "O(ε^1)",
    ):
        assert line in text
    plain = deep_system(("tanh", "x**2*tanh(x)"))
    assert "dw_2/dt = 3*a*mean(s*z_1^(1)*z_2^(2)**2)" in plain.text()
    assert plain.potential is not None
    assert r"\left\langle" in plain.latex()
    assert deep_system(("tanh", "x*tanh(x)"), hidden_bias=True, signal_mean_vanishes=True).time_exponent == -2


def test_symbols_and_numbers_are_the_same_system():
    """The derived equations, evaluated in a network of one neuron a layer, against the numeric field."""
    import sympy

    for names, bias, residual in CASES[::5]:
        for keeping in Kept:
            field = field_of(names, bias=bias, residual=residual, keeping=keeping)
            system = derived(field.powers)
            theta = drawn(network(names, bias=bias, residual=residual, width=1), seed=7)
            groups = field.architecture.split(theta)
            scalars = {
                sympy.Symbol(n if n == "a" else f"{n[0]}_{n[1:]}"): float(groups[n].ravel()[0])
                for n in groups
                if n != "w1"
            }
            meaning = {eq.lhs: eq.rhs for eq in system.definitions}
            rates = field.architecture.split(field(theta))
            for eq in system.equations:
                name = str(eq.lhs.args[0]).replace("_", "")
                if name == "w1":
                    continue
                value = evaluated(eq.rhs, meaning, scalars, X @ theta["w1"][0])
                assert value == pytest.approx(float(rates[name].ravel()[0]), rel=1e-10), (names, name)


def evaluated(expression, meaning, scalars, z):
    """An equation's right-hand side at scalar weights; w_1 x at the samples is z."""
    import sympy

    from theory.systems import Mean

    def plain(e):
        while e.free_symbols & set(meaning):
            e = e.subs(meaning)
        return e

    total = 0.0
    w1, x, s = sympy.Symbol("w_1"), sympy.Symbol("x"), sympy.Symbol("s", real=True)
    for term in sympy.Add.make_args(sympy.expand(expression)):
        mean = next(f for f in sympy.preorder_traversal(term) if isinstance(f, Mean))
        factor = plain(term / mean).subs(scalars)
        inside = plain(mean.args[0]).subs(w1, 1).subs(scalars)
        values = sympy.lambdify((x, s), inside, "numpy")(z, Y)
        total += float(factor) * float(np.mean(values))
    return total


def test_real_gradient_is_that_of_the_network_and_not_of_the_field():
    """The witness sees a change of the network that the field does not."""
    net = network(("tanh", "tanh"))
    theta = {name: 1e-3 * value for name, value in drawn(net).items()}
    other = network(("sin", "tanh"))
    first, second = real_gradient(net, theta, INPUTS, Y), real_gradient(other, theta, INPUTS, Y)
    assert not np.allclose(first["w1"], second["w1"], rtol=1e-9, atol=0)
