"""Theorem: the leading-order flow of a deep fully connected network, any depth, upper biases or not, residual or not.

Setting.     f = a h_L, h_l = σ_l(w_l h_{l-1} [+ b_l]) [+ h_{l-1}, l ≥ 2], h_0 = x with the first bias in it; R = mean ℓ(f,
             y), gradient flow θ' = -∇R, every parameter of size ε.
Hypotheses.  Every σ_l is smooth with σ_l(0) = 0, σ_l(z) = c_l z^{p_l} + c_l' z^{q_l} + ...; the moment tensors T_d = mean(s
             x^{⊗d}) of the leading terms do not vanish (T_0 = mean(s), which upper biases bring in); the widths are
             fixed; time before a blow-up.
Statement.   Let F_n be the part of degree n in the parameters of mean(s f), s the signal at f = 0.  A group of
             parameters that F_n contains, and no F_m with m < n, has the gradient ∇F_n + o(ε^{n-1}).  At t = τ ε^{1-d},
             d the least of these gradient orders, the fastest groups follow it with relative error O(ε^k), the others
             move by ε^lag of their size, up to O(ε^accuracy) of that displacement; all three are counted, not assumed.
             No upper bias: one order, N_L of N_l = p_l (1 + N_{l-1}), N_0 = 0, and
             k = min((1 + N_{l-1})(q_l - p_l) over l, 1 + N_L).  With upper biases and mean(s) ≠ 0, (a, b_L) move first.
Balances.    ‖w_l row j‖² - p_l ‖w_{l+1} column j‖² of each neuron and their like for biases: whatever scaling leaves the
             potential as it is.
Joint form.  With `Kept.JOINT` every group climbs the sum of all leading potentials: a gradient flow, of higher k where
             groups move at different orders.
Limits.      Vanishing moments move the order until the feedback of the output couples the network; then a refusal.  A
             skip over the first layer would be linear regression first: there is none here.
Source.      condense."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sympy

from theory.formula.activation import Activation
from theory.systems import GroupLaw, LeadingSystem
from theory.systems.deep.architecture import Algebra, Architecture, Series, gradients
from theory.systems.deep.balances import balances
from theory.systems.deep.powers import Kept, PowerCount, power_count
from theory.systems.powers import average, equation, rate

_t, _s = sympy.symbols("t s", real=True)
_x = sympy.Symbol("x")


def deep_system(
    activations: Sequence[str | Activation],
    *,
    hidden_bias: bool = False,
    residual: bool = False,
    signal_mean_vanishes: bool = False,
    vanishing_moments: Collection[int] = (),
    curvature_vanishes: bool = False,
    keeping: Kept = Kept.STRICT,
) -> LeadingSystem:
    """Derive the leading-order system of a deep network, one activation a hidden layer, from x to the output.

    `signal_mean_vanishes` and `vanishing_moments` say which T_d = mean(s x^{⊗d}) are 0; `curvature_vanishes` that
    ∂²ℓ/∂f² = 0.  Products with weights are those of matrices, powers are elementwise.  Raises TheoryError for σ_l(0) ≠ 0,
    σ_l not smooth at 0, and where the output couples the network at leading order.
    """
    architecture = Architecture.of(activations, hidden_bias=hidden_bias, residual=residual)
    vanishing = set(vanishing_moments) | ({0} if signal_mean_vanishes else set())
    powers = power_count(
        architecture,
        keeping=keeping,
        vanishing_moments=vanishing,
        curvature_vanishes=curvature_vanishes,
    )
    return derived(powers)


def derived(powers: PowerCount) -> LeadingSystem:
    """The leading system behind a count of powers."""
    architecture = powers.architecture

    # Step 1. The network and its gradient as series in ε, in symbols: every coefficient of z_l and h_l gets a name.
    top = max(n for group in powers.groups.values() for n in group.kept)
    taylor = [architecture.taylor(layer, top) for layer in range(1, architecture.depth + 1)]
    algebra = _Symbols()
    symbols = {name: _symbol(name) for name in architecture.groups}
    series = gradients(architecture, algebra, symbols, _x, _s, taylor, top - 1)

    # Step 2. Of each group's gradient the orders that the count keeps; a term without data in it has the mean signal,
    #         and falls where that vanishes.
    kept = {name: _kept(algebra, series[name], powers, name) for name in architecture.groups}
    varying = (_s, _x, *algebra.varying)
    equations = tuple(rate(symbols[name], _t, average(kept[name], *varying)) for name in architecture.groups)

    # Step 3. The balances of the exponents' null space, checked on the equations themselves.
    found = balances(powers)
    for balance in found:
        change = sum(alpha * symbols[g] * kept[g] for g, alpha in balance.weights)
        if sympy.expand(algebra.written_out(change)) != 0:
            raise AssertionError(f"{balance.name} must be conserved by the leading-order flow")
    invariants = tuple(
        equation(sympy.Symbol(f"K{i}"), sympy.Add(*(alpha * symbols[g] ** 2 for g, alpha in balance.weights)))
        for i, balance in enumerate(found, start=1)
    )

    # Step 4. One potential for all, where there is one: F_n = a·∇_a F_n, since f is linear in a.
    common = len(powers.potentials) == 1 or powers.keeping is Kept.JOINT
    a = symbols["a"]
    potential = equation(sympy.Symbol("H"), average(a * kept["a"], *varying)) if common else None

    return LeadingSystem(
        title=f"Leading-order flow of a deep network with σ = {', '.join(s.text for s in architecture.layers)}"
        f" ({architecture.kind}): {powers.keeping.value}",
        hypotheses=_hypotheses(powers),
        equations=equations,
        polar=(),
        orientation=(),
        invariants=invariants,
        potential=potential,
        definitions=algebra.definitions(tuple(kept.values())),
        gradient_orders={name: group.degree for name, group in powers.groups.items()},
        time_exponent=powers.time_exponent,
        order=powers.order,
        order_terms=powers.order_terms,
        source="condense",
        groups={
            name: GroupLaw(group.degree, group.gap, group.lag, group.accuracy, group.moments)
            for name, group in powers.groups.items()
        },
    )


def _symbol(name: str) -> sympy.Symbol:
    return sympy.Symbol(name if name == "a" else f"{name[0]}_{name[1:]}")


def _kept(algebra: _Symbols, series: Series, powers: PowerCount, name: str) -> sympy.Expr:
    total = sympy.expand(sum(series.get(n - 1, 0) for n in powers.groups[name].kept))
    if 0 not in powers.vanishing:
        return total
    return sum((term for term in sympy.Add.make_args(total) if algebra.depends(term)), start=sympy.Integer(0))


class _Symbols(Algebra):
    """Coefficients are expressions; matrix products commute, as each vector enters a product once and linearly."""

    def __init__(self) -> None:
        self.meaning: dict[sympy.Symbol, sympy.Expr] = {}
        self.varying: list[sympy.Symbol] = []

    def apply(self, w: Any, h: Any) -> Any:
        return w * h

    def pull(self, delta: Any, w: Any) -> Any:
        return delta * w

    def outer(self, delta: Any, h: Any) -> Any:
        return delta * h

    def total(self, delta: Any) -> Any:
        return delta

    def name(self, kind: str, layer: int, order: int, value: Any) -> Any:
        value = sympy.sympify(value)
        if value.is_Symbol:
            return value
        symbol = sympy.Symbol(f"{kind}_{layer}^({order})")
        self.meaning[symbol] = value
        if self.depends(value):
            self.varying.append(symbol)
        return symbol

    def depends(self, value: sympy.Expr) -> bool:
        """Whether an expression differs from sample to sample, the signal apart."""
        return value.has(_x, *self.varying)

    def written_out(self, value: Any) -> sympy.Expr:
        """The expression in parameters and data alone."""
        value = sympy.sympify(value)
        for symbol in reversed(self.meaning):
            value = value.subs(symbol, self.meaning[symbol])
        return value

    def definitions(self, used: tuple[sympy.Expr, ...]) -> tuple[sympy.Eq, ...]:
        """What the names in these expressions stand for, those of the names behind them included, from x upwards."""
        needed = set().union(*(expression.free_symbols for expression in used))
        for symbol in reversed(self.meaning):
            if symbol in needed:
                needed |= self.meaning[symbol].free_symbols
        return tuple(equation(symbol, value) for symbol, value in self.meaning.items() if symbol in needed)


def _hypotheses(powers: PowerCount) -> tuple[str, ...]:
    architecture = powers.architecture
    moments = sorted({d for group in powers.groups.values() for d in group.moments})
    nonzero = ", ".join("T_0 = mean(s)" if d == 0 else f"T_{d} = mean(s x^{{⊗{d}}})" for d in moments)
    layers = "; ".join(
        f"σ_{l}: p = {s.multiplicity}, c = {s.leading_coefficient}, "
        + (f"q = {s.next_order}" if s.next_order is not None else "no further order")
        for l, s in enumerate(architecture.layers, start=1)
    )
    vanishing = sorted(powers.vanishing)
    said = f"; zero: {', '.join(f'T_{d}' for d in vanishing)}" if vanishing else ""
    return (
        f"{architecture.depth} hidden layers with {architecture.kind}, every parameter of size ε, widths fixed as ε → 0",
        f"every σ_l smooth with σ_l(0) = 0; {layers}",
        f"not zero: {nonzero}{said}",
        "rescaled time τ before the first blow-up",
    )
