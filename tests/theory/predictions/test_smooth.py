"""One call from data to prediction: what it accepts, what it refuses in one line, what a notebook shows."""

import numpy as np
import pytest

from tests.predicted import smooth
from theory import TheoryError, loss, predict

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((6, 2)), np.arange(6.0)


def test_one_input_dimension_and_lists_are_accepted():
    flat, column = predict(X[:, 0], Y, "z**2"), predict(X[:, :1], Y, "z**2")
    assert flat.orientations.to_json() == column.orientations.to_json()
    assert smooth(X.tolist(), Y.tolist()).driving_order == 1


def test_a_loss_of_the_users_own():
    """ℓ = (f - y)⁴ has the signal 4 y³ and the curvature 12 y²."""
    own = smooth(X, Y, "z**2", loss_function="(f - y)**4")
    np.testing.assert_allclose(own.signal, 4 * Y**3, rtol=1e-15)
    assert own.curvature == pytest.approx(np.mean(12 * Y**2), rel=1e-15)
    same = predict(X, 4 * Y**3, "z**2")
    assert [o.u for o in own.orientations.orientations] == [o.u for o in same.orientations.orientations]


def test_a_constant_target_is_predicted_wherever_its_moments_do_not_vanish():
    """y = 1: for p = 1 the mean of x, bias counted; for p = 2 the principal axis of mean(x xᵀ)."""
    biased = np.column_stack([X, np.ones(6)])
    first = np.array(predict(X, np.ones(6)).orientations.attractors[0].u)
    assert abs(first @ biased.mean(axis=0)) == pytest.approx(np.linalg.norm(biased.mean(axis=0)), rel=1e-14)
    second = np.array(predict(X, np.ones(6), "xtanh").orientations.attractors[0].u)
    assert abs(second @ np.linalg.svd(biased)[2][0]) == pytest.approx(1, rel=1e-14)


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        (X, Y[:5], {}, "x has 6 samples and y has 5; accepted: as many targets as samples"),
        (X[:0], Y[:0], {}, "x has shape (0, 2); accepted: (n, d) or (n,), not empty"),
        ([["a"]], [1.0], {}, "x must hold real numbers"),
        (1j * X, Y, {}, "x must hold real numbers"),
        (X * np.nan, Y, {}, "x, column 0: entry 0 is not finite"),
        (X, np.full(6, np.inf), {}, "target 0 is not a finite number"),
        (X, Y, {"loss_function": "abs(f - y)"}, "has a kink at f = 0, so no signal there"),
        (X, Y, {"loss_function": "logistic"}, "takes labels -1 and +1; y[0] is 0"),
        (X, Y, {"loss_function": 7}, "a loss is a name or a formula"),
        (
            X,
            Y,
            {"sigma": "1e400*x"},
            "about 1e+400, which binary64 cannot work with; accepted: 1e-150 to 1e150",
        ),
        (X, Y, {"sigma": "x/10**200"}, "about 1e-200, which binary64 cannot work with"),
        (X, 0 * Y, {}, "the signal -∂ℓ/∂f of the loss 'half-mse' is 0 at zero output for every sample"),
        (X, 0 * Y + 1, {"loss_function": "(f - y + 1)**2"}, "is 0 at zero output for every sample"),
        ([[-1.0], [1.0]], [1.0, 1.0], {"bias": False}, "vanish on these data"),
    ],
)
def test_refusals_are_one_line(x, y, options, message):
    with pytest.raises(TheoryError) as refused:
        predict(x, y, **options)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_plain_prompt_shows_a_few_lines():
    """What a user reads in a REPL: the numbers of the prediction, growing orientations first, and no arrays."""
    prediction = smooth(X, Y, "x**2*tanh(x)")
    shown = repr(prediction)
    assert str(prediction) == shown
    assert len(shown.splitlines()) <= 16
    assert max(map(len, shown.splitlines())) <= 124
    assert "σ = x**2*tanh(x), loss half-mse, 6 samples, D = 3 (bias counted)" in shown
    assert "order 3: σ leads with 1 z^3, next term -0.333333 z^5; relative error O(ε^2)" in shown
    found = prediction.orientations
    listed = repr(found).splitlines()
    assert f"{found.lines_found} of {found.lines_expected} lines" in listed[0]
    assert f"{len(found.attractors)} growing, {len(found.dying)} dying" in listed[0]
    grown = [line for line in listed if line.lstrip().startswith("attractor")]
    assert len(grown) == min(len(found.attractors), 8)
    assert f"{found.attractors[0].value:.6g}" in grown[0]
    assert repr(prediction.loss) == "loss('half-mse')"
    assert repr(loss("cross-entropy")) == "loss('cross-entropy')"
    assert repr(prediction.activation).startswith("Activation('x**2*tanh(x)': σ(0) = 0, multiplicity 3,")
    assert "dw/dt = 3*a*mean(s*x*z**2)" in repr(prediction.system)
    assert repr(prediction.field.tensor) == "MomentTensor(order=3, dimension=3: 10 of 10 coefficients not 0)"
    wide = predict(RNG.standard_normal((9, 30)), np.arange(9.0))
    assert max(map(len, repr(wide).splitlines())) <= 124


def test_notebook_output():
    prediction = smooth(X, Y, "x**2*tanh(x)")
    page = prediction._repr_html_()
    assert "<table>" in page
    assert "Autonomous orientation flow" in page
    assert "<pre>Leading-order flow" in page
    assert prediction.activation._repr_latex_().startswith("$")
    assert r"\begin{align*}" in prediction.system._repr_latex_()
    assert prediction.loss._repr_latex_().startswith("$")


def test_the_closed_form_is_only_for_order_one():
    assert smooth(X, Y).linear.rate > 0
    with pytest.raises(TheoryError, match="needs order 1"):
        _ = smooth(X, Y, "z**2").linear
