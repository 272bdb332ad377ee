"""The leading system of networks with an output bias as numbers: the bias fits the mean while the weights are small."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from theory.forms.taylor import PowerForm
from theory.losses.signal import Signal, signal_function

if TYPE_CHECKING:
    from theory.problem import Problem

Weights = tuple[np.ndarray, np.ndarray, np.ndarray]  # b (...), a (..., m), w (..., m, D)


@dataclass(frozen=True)
class OutputBiasField:
    """b' = mean(s), a' = mean(s σ_p(z)), w' = a mean(s σ_p'(z) x), z = w·x, s at f = b + Σ a σ_p(z).

    x (n, D) with the bias column, y (n,) targets, `form` is σ_p = c z^p.  Called with the output bias b (...), a (..., m)
    and w (..., m, D) of networks it returns their rates alike, in parameter per gradient-flow time.  The output couples
    the neurons.  Cost: n m (D + 4) a network, n D + m D for p = 1.
    """

    x: np.ndarray
    y: np.ndarray
    signal: Signal
    form: PowerForm

    @classmethod
    def of(cls, problem: Problem) -> OutputBiasField:
        """The field of a network of one output on the data of a problem."""
        signal = signal_function(problem.loss)
        return cls(problem.x, problem.y, signal, PowerForm.of(problem.activation))

    @property
    def _is_linear(self) -> bool:
        return self.form.order == 1 and self.form.minus == -self.form.plus

    def output(self, b: np.ndarray, a: np.ndarray, w: np.ndarray) -> np.ndarray:
        """f at the samples, (..., n)."""
        if self._is_linear:
            # Neurons meet the data only through Σ_j a_j w_j.
            return b[..., None] + self.form.plus * np.einsum("...j,...jd->...d", a, w) @ self.x.T
        return b[..., None] + np.einsum("...j,...jn->...n", a, self.form.value(w @ self.x.T))

    def __call__(self, b: np.ndarray, a: np.ndarray, w: np.ndarray) -> Weights:
        n, f = len(self.x), self.output(b, a, w)
        s = self.signal(f, np.broadcast_to(self.y, f.shape)) / n
        if self._is_linear:
            g = self.form.plus * (s @ self.x)
            return s.sum(axis=-1), np.einsum("...jd,...d->...j", w, g), a[..., None] * g[..., None, :]
        z = w @ self.x.T
        on_a = np.einsum("...jn,...n->...j", self.form.value(z), s)
        return s.sum(axis=-1), on_a, a[..., None] * ((self.form.derivative(z) * s[..., None, :]) @ self.x)

    def invariant(self, a: np.ndarray, w: np.ndarray) -> np.ndarray:
        """K = ‖w‖² - p a² of each neuron: whatever the output bias does to the signal, it is conserved."""
        return np.sum(w * w, axis=-1) - self.form.order * a * a
