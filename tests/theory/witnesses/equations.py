"""Derived equations read as numbers: every Mean taken over the data, σ_p from the system's own definitions."""

from dataclasses import dataclass

import numpy as np
import sympy

from theory.systems import LeadingSystem, Mean

Z = sympy.Symbol("z", real=True)


@dataclass
class Reader:
    """Evaluates the expressions of a derived system at one neuron a (K,), w (D,) on data x (n, D), signal (n, K).

    `constants` gives values to further symbols, by name.
    """

    system: LeadingSystem
    x: np.ndarray
    signal: np.ndarray
    a: np.ndarray
    w: np.ndarray
    constants: dict

    def __post_init__(self):
        self.r = float(np.linalg.norm(self.w))
        self.u = self.w / self.r
        self.forms = {str(eq.lhs.func): eq.rhs for eq in self.system.definitions if eq.lhs.is_Function}

    def __call__(self, expression, component=0):
        expression = expression.replace(sympy.Sum, self._written_out)
        expression = _indexed(expression, "a", self.a)
        expression = expression.replace(Mean, lambda body: self._average(body, component))
        known = {
            "a": self.a[0],
            "r": self.r,
            "u": self.u[component],
            "w": self.w[component],
            **self.constants,
        }
        return float(expression.subs({t: known[t.name] for t in expression.free_symbols}))

    def rates(self):
        """a' (K,), w' and u' (D,), r', and the rate of a listed balance, as derived."""
        found = {}
        for eq in (*self.system.equations, *self.system.polar):
            name = str(eq.lhs.args[0])
            if name == "a[k]":
                k = next(s for s in eq.lhs.args[0].free_symbols if str(s) == "k")
                found["a"] = np.array([self(eq.rhs.subs(k, j + 1)) for j in range(len(self.a))])
            elif name in ("w", "u"):
                found[name] = np.array([self(eq.rhs, j) for j in range(len(self.w))])
            else:
                found[name if name in ("a", "r") else "balance"] = self(eq.rhs)
        return found

    def output(self, all_a, all_w):
        """The output (n,) of the definition of f, from all neurons."""
        f = next(eq.rhs for eq in self.system.definitions if str(eq.lhs) == "f")
        values = []
        for row in self.x:
            z = all_w @ row

            def summed(body, limits, z=z):
                total = 0
                for j in range(len(all_a)):
                    term = _indexed(_indexed(body.subs(limits[0], j + 1), "a", all_a), "z", z)
                    total += self._formed(term)
                return total

            values.append(float(f.replace(sympy.Sum, summed)))
        return np.array(values)

    def _written_out(self, body, limits):
        return sum(body.subs(limits[0], k) for k in range(1, len(self.a) + 1))

    def _average(self, body, component):
        total = 0
        for row, signal in zip(self.x, self.signal, strict=True):
            known = {"x": row[component], "z": row @ self.w, "ζ": row @ self.u, "s": signal[0]}
            value = _indexed(body, "s", signal)
            value = value.replace(lambda e: _name(e) == "s", lambda _, s=signal: sympy.Float(s[0]))
            total += self._formed(
                value.subs({t: known[t.name] for t in value.free_symbols if t.name in known})
            )
        return total / len(self.x)

    def _formed(self, expression):
        for name, form in self.forms.items():
            expression = expression.replace(
                lambda e, n=name: _name(e) == n, lambda e, g=form: g.subs(Z, e.args[0])
            )
        return expression


def chain_rule(a, w, a_dot, w_dot, order):
    """The same rates from a' (K,) and w' (D,) of the network itself."""
    r = np.linalg.norm(w)
    u = w / r
    r_dot = u @ w_dot
    return {
        "a": a_dot, "w": w_dot, "r": r_dot, "u": (w_dot - r_dot * u) / r,
        "balance": 2 * w @ w_dot - 2 * order * a @ a_dot,
    }  # fmt: skip


def _name(expression):
    return str(getattr(expression, "func", "")) if getattr(expression, "is_Function", False) else ""


def _indexed(expression, name, values):
    return sympy.sympify(expression).replace(
        lambda e: isinstance(e, sympy.Indexed) and str(e.base) == name,
        lambda e: sympy.Float(values[int(e.indices[0]) - 1]),
    )
