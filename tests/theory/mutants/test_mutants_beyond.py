"""The table of mutants for what lies beyond the leading order and for polynomial pieces; see test_mutants."""

import pytest

from tests.theory.mutants import checks_beyond as checks
from tests.theory.mutants.mutated import rejected, rows

# check: module of theory, and what is changed: name, old source, new source.
TABLE = {
    checks.displaced: ("beyond.displacement", [
        ("δ: the leading force again", "0.0 if k <= leading.order else c", "0.0 if k < leading.order else c"),
        ("δ: a Taylor term forgotten", "0.0 if k <= leading.order else c", "0.0 if k <= leading.order + 1 else c"),
        ("feedback: sign", "output.shape)) - self._s0)", "output.shape)) + self._s0)"),
        ("feedback on a", "+ np.sum(value * changed, axis=-1)) / n", "+ 0 * np.sum(value * changed, axis=-1)) / n"),
        ("feedback on w", "steeper * self._s0 + slope * changed", "steeper * self._s0 + higher * changed"),
        ("a in w'", "a[..., None] * ((steeper", "((steeper"),
        ("slope", "slope = power * (start * value + z * slope)", "slope = power * (value + z * slope)"),
        ("power", "power = z ** (start - 1)", "power = z ** start"),
        ("δ'", "lead - lead_y + beyond", "lead_y - lead + beyond"),
        ("time of each network", "(out * self._times)", "(out * self._times[0])"),
    ]),
    checks.proved_pieces: ("formula.pieces", [
        ("place of the piece", "(2 * number + 1) * radius", "2 * number * radius"),
        ("scale of a coefficient", "each * arb(radius) ** k", "each * arb(radius) ** (k + 1)"),
        ("terms for the text's cancellations", "(lost - NEGLIGIBLE + 20)", "(20)"),
        ("order at the bottom", "order = round(_log2(abs(ratio)))", "order = round(_log2(abs(ratio))) + 1"),
        ("c at the bottom", "arb(2) ** (octave * order)", "arb(2) ** (octave * order + 1)"),
        ("where the bottom is", "arb(2) ** order - 1) < arb(2) ** NEGLIGIBLE", "arb(2) ** order - 1) < arb(2) ** -20"),
    ]),
    checks.series_away_from_zero: ("formula.evaluation", [
        ("tanh", "else 1 - 2 / ((2 * u).exp() + 1)", "else 1 - 2 / ((3 * u).exp() + 1)"),
        ("asinh", "(u + (u * u + 1).sqrt()).log()", "(u + (u * u + 2).sqrt()).log()"),
        ("sign of abs", "arb(-1) if first < 0", "arb(1) if first < 0"),
        ("cosh", "else e + 1 / e) / 2", "else e + 1 / e)"),
        ("atanh", "((1 + u).log() - (1 - u).log()) / 2", "((1 + u).log() + (1 - u).log()) / 2"),
        ("powers", "result = one\n", "result = one + one\n"),
        ("maximum", "above == (name == \"max\")", "above == (name == \"min\")"),
    ]),
}  # fmt: skip


@pytest.mark.parametrize(("check", "module", "old", "new"), rows(TABLE))
def test_a_wrong_formula_is_rejected(check, module, old, new):
    rejected(check, module, old, new)
