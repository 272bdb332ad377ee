"""Truncated Laurent series in t > 0 with coefficients in a field: the exact engine behind every expansion.

Products are convolutions; powers follow Miller's recurrence from B P' = r B' P; exp, sin and cos the
recurrences of their differential equations; log, erf and the inverse functions are integrals of their
derivative.  A series knows how far it is known (`exact`: everywhere, it is a Laurent polynomial) and its
leading coefficient is proved non-zero, so poles, removable singularities and signs are decided, not guessed.

Source: Knuth, The Art of Computer Programming, vol. 2, section 4.7 (power series); the one-sided use is
condense's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flint import fmpq

from theory.formula.fields import Field, NotReal

MAX_EXACT = 2048  # terms up to which a polynomial is kept whole


class NeedTerms(Exception):
    """All terms known so far vanish where a non-zero one is needed: expand further."""


class Undefined(Exception):
    """The function has no such series at 0; the message says why."""


@dataclass(frozen=True)
class Jet:
    """t^start (terms[0] + terms[1] t + ...), with zeros after the last term if exact, O(t^(start + len)) if
    not.

    terms[0] is non-zero.  Without terms: zero if exact, else O(t^start).
    """

    start: int
    terms: tuple[Any, ...]
    exact: bool

    @property
    def end(self) -> int:
        """One past the last known power (of an exact jet: the last non-zero one)."""
        return self.start + len(self.terms)

    @property
    def vanishes(self) -> bool:
        """Zero at every order."""
        return self.exact and not self.terms


class Series:
    """Arithmetic of jets over a field, `order` terms deep."""

    def __init__(self, field: Field, order: int) -> None:
        self.field, self.order = field, order
        self.zero_element = field.rational(fmpq(0))
        self.zero = Jet(0, (), True)
        self.one = self.rational(fmpq(1))

    # Building blocks.

    def make(self, start: int, terms: Sequence[Any], exact: bool) -> Jet:
        """The jet of raw coefficients: leading zeros removed, trailing ones too if exact, length bounded."""
        first = next((k for k, term in enumerate(terms) if not self.field.is_zero(term)), len(terms))
        last = len(terms)
        while exact and last > first and self.field.is_trivial(terms[last - 1]):
            last -= 1
        if first == last:
            return self.zero if exact else Jet(start + len(terms), (), False)
        limit = MAX_EXACT if exact else max(self.order, 1)
        return Jet(
            start + first, tuple(terms[first : min(last, first + limit)]), exact and last - first <= limit
        )

    def element(self, value: Any) -> Jet:
        """A constant jet."""
        return self.make(0, (value,), True)

    def rational(self, value: fmpq) -> Jet:
        return self.element(self.field.rational(value))

    def coefficient(self, jet: Jet, power: int) -> Any:
        """The coefficient of t^power.  Raises NeedTerms when it is not known."""
        if jet.start <= power < jet.end:
            return jet.terms[power - jet.start]
        if power >= jet.end and not jet.exact:
            raise NeedTerms
        return self.zero_element

    def dense(self, jet: Jet, length: int) -> list[Any]:
        """Coefficients of t^0 .. t^(length-1) of a jet known that far and without negative powers."""
        return [self.coefficient(jet, k) for k in range(length)]

    def convolve(self, a: Sequence[Any], b: Sequence[Any], length: int) -> list[Any]:
        total = [self.zero_element] * length
        sparse = [(j, y) for j, y in enumerate(b[:length]) if not self.field.is_trivial(y)]
        for i, x in enumerate(a[:length]):
            if self.field.is_trivial(x):
                continue
            for j, y in sparse:
                if i + j >= length:
                    break
                total[i + j] = total[i + j] + x * y
        return total

    # Arithmetic.

    def negate(self, a: Jet) -> Jet:
        return Jet(a.start, tuple(-x for x in a.terms), a.exact)

    def add(self, a: Jet, b: Jet) -> Jet:
        if a.vanishes or b.vanishes:
            return b if a.vanishes else a
        start = min(a.start, b.start)
        known = [jet.end for jet in (a, b) if not jet.exact]
        end = min(known) if known else max(a.end, b.end)
        terms = [self.zero_element] * max(end - start, 0)
        for jet in (a, b):
            for k, x in enumerate(jet.terms, jet.start - start):
                if k < len(terms):
                    terms[k] = terms[k] + x
        return self.make(start if terms else end, terms, not known)

    def subtract(self, a: Jet, b: Jet) -> Jet:
        return self.add(a, self.negate(b))

    def multiply(self, a: Jet, b: Jet) -> Jet:
        if a.vanishes or b.vanishes:
            return self.zero
        known = [len(jet.terms) for jet in (a, b) if not jet.exact]
        length = min(known) if known else len(a.terms) + len(b.terms) - 1
        return self.make(a.start + b.start, self.convolve(a.terms, b.terms, length), not known)

    def divide(self, a: Jet, b: Jet) -> Jet:
        return self.multiply(a, self.power(b, fmpq(-1)))

    def power(self, base: Jet, exponent: fmpq) -> Jet:
        """base ** exponent for a rational exponent."""
        if exponent == 0:
            return self.one
        if base.vanishes:
            if exponent > 0:
                return self.zero
            raise Undefined("division by zero")
        whole = exponent.q == 1
        if not base.terms:
            if whole and exponent > 0:
                return Jet(base.start * int(exponent.p), (), False)
            raise NeedTerms
        start = base.start * exponent
        if start.q != 1:
            raise Undefined(f"the non-integer leading power {abs(start)} of |z|")
        if not whole and self.field.sign(base.terms[0]) < 0:
            raise Undefined(f"the power {exponent} of a negative quantity")
        length, exact = len(base.terms), False
        if base.exact:
            grown = (length - 1) * int(exponent.p) + 1 if whole and exponent > 0 else length
            exact = length == 1 or (whole and exponent > 0 and grown <= MAX_EXACT)
            length = grown if exact else self.order
        return self.make(int(start.p), self._miller(base.terms, exponent, length), exact)

    def _miller(self, b: Sequence[Any], r: fmpq, length: int) -> list[Any]:
        """The power r of b: n b_0 p_n = Σ_{k=1..n} (k r - n + k) b_k p_{n-k}."""
        rational = self.field.rational
        p = [self.field.power(b[0], r)]
        sparse = [(k, x) for k, x in enumerate(b) if k and not self.field.is_trivial(x)]
        for n in range(1, length):
            total = self.zero_element
            for k, x in sparse:
                if k > n:
                    break
                total = total + rational(k * r - n + k) * x * p[n - k]
            p.append(total / (rational(fmpq(n)) * b[0]))
        return p

    # Functions.

    def sign(self, a: Jet) -> int:
        """The sign of a(t) for small t > 0."""
        if a.vanishes:
            return 0
        if not a.terms:
            raise NeedTerms
        return self.field.sign(a.terms[0])

    def general_power(self, base: Jet, exponent: Jet) -> Jet:
        """base ** exponent = exp(exponent log(base)) for an exponent that is not rational."""
        if base.start != 0 and base.terms:
            raise Undefined("an irrational or varying power of a quantity that tends to 0 or to infinity")
        return self.exp(self.multiply(exponent, self.log(base)))

    def exp(self, u: Jet) -> Jet:
        """n e_n = Σ k u_k e_{n-k}."""
        u0, length = self._regular("exp", u)
        first = self.field.call("exp", u0)
        if not length:
            return self.element(first)
        coefficients, e = self._weighted(u, length), [first]
        for n in range(1, length):
            total = self.zero_element
            for k, x in coefficients:
                if k > n:
                    break
                total = total + x * e[n - k]
            e.append(total / self.field.rational(fmpq(n)))
        return self.make(0, e, False)

    def sin_cos(self, u: Jet) -> tuple[Jet, Jet]:
        """n s_n = Σ k u_k c_{n-k}, n c_n = -Σ k u_k s_{n-k}."""
        u0, length = self._regular("sin or cos", u)
        s, c = [self.field.call("sin", u0)], [self.field.call("cos", u0)]
        if not length:
            return self.element(s[0]), self.element(c[0])
        coefficients = self._weighted(u, length)
        for n in range(1, length):
            rise = fall = self.zero_element
            for k, x in coefficients:
                if k > n:
                    break
                rise, fall = rise + x * c[n - k], fall - x * s[n - k]
            s.append(rise / self.field.rational(fmpq(n)))
            c.append(fall / self.field.rational(fmpq(n)))
        return self.make(0, s, False), self.make(0, c, False)

    def log(self, u: Jet) -> Jet:
        if u.vanishes or u.start > 0:
            raise Undefined("log of a quantity that tends to 0")
        if u.terms and self.field.sign(u.terms[0]) < 0:
            raise Undefined("log of a negative quantity")
        return self._integral("log", u, lambda: self.power(u, fmpq(-1)))

    def erf(self, u: Jet) -> Jet:
        def derivative() -> Jet:
            pi = self.element(self.field.constant("pi"))
            scale = self.multiply(self.rational(fmpq(2)), self.power(pi, fmpq(-1, 2)))
            return self.multiply(scale, self.exp(self.negate(self.multiply(u, u))))

        return self._integral("erf", u, derivative)

    def inverse(self, name: str, u: Jet) -> Jet:
        """asin, atan, asinh, acosh or atanh: the integral of (±1 ± u²)^r u'."""
        constant, square, exponent = _INVERSES[name]

        def derivative() -> Jet:
            squared = self.multiply(self.rational(fmpq(square)), self.multiply(u, u))
            return self.power(self.add(self.rational(fmpq(constant)), squared), exponent)

        return self._integral(name, u, derivative)

    def exponential_pair(self, u: Jet) -> tuple[Jet, Jet]:
        """exp(u) and exp(-u)."""
        e = self.exp(u)
        return e, self.power(e, fmpq(-1))

    def tanh(self, u: Jet) -> Jet:
        """1 - 2/(exp(2u) + 1): one exponential, so that tanh(log 2) is rational."""
        e = self.exp(self.add(u, u))
        return self.subtract(self.one, self.divide(self.rational(fmpq(2)), self.add(e, self.one)))

    def _regular(self, name: str, u: Jet) -> tuple[Any, int]:
        """The value at 0 and the number of terms a function of u can have; 0 for a constant u."""
        if u.vanishes:
            return self.zero_element, 0
        if u.start < 0:
            if not u.terms:
                raise NeedTerms
            raise Undefined(f"{name} of a quantity that is infinite at 0")
        u0 = self.coefficient(u, 0)
        if not u.exact:
            return u0, u.end
        first = next((k for k, x in enumerate(u.terms, u.start) if k and not self.field.is_trivial(x)), 0)
        return u0, first + self.order if first else 0

    def _weighted(self, u: Jet, length: int) -> list[tuple[int, Any]]:
        """(k, k u_k) for the non-zero u_k, 0 < k < length."""
        terms = (
            (k, x) for k, x in enumerate(u.terms, u.start) if 0 < k < length and not self.field.is_trivial(x)
        )
        return [(k, self.field.rational(fmpq(k)) * x) for k, x in terms]

    def _integral(self, name: str, u: Jet, derivative: Any) -> Jet:
        """The function with the value name(u(0)) at 0 whose derivative is derivative() u'."""
        u0, length = self._regular(name, u)
        first = self.field.call(name, u0)
        if not length:
            return self.element(first)
        slopes = [self.zero_element] * (length - 1)
        for k, x in self._weighted(u, length):
            slopes[k - 1] = x
        rate = self.multiply(derivative(), self.make(0, slopes, u.exact))
        if rate.terms and rate.start < 0:
            raise NotReal(f"{name} at a point where it is not differentiable")
        known = rate.end if not rate.exact else max(rate.end, length - 1)
        terms = [self.coefficient(rate, k) / self.field.rational(fmpq(k + 1)) for k in range(known)]
        return self.make(0, [first, *terms], False)


_INVERSES = {
    "asin": (1, -1, fmpq(-1, 2)),
    "atan": (1, 1, fmpq(-1)),
    "asinh": (1, 1, fmpq(-1, 2)),
    "acosh": (-1, 1, fmpq(-1, 2)),
    "atanh": (1, -1, fmpq(-1)),
}
