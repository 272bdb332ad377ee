"""The oracle against solutions known in closed form."""

import mpmath
import pytest

from numerics.errors import NumericsError
from numerics.flow.oracle import precise_flow


@pytest.mark.parametrize("digits", [15, 30])
def test_pendulum_like_closed_forms(digits):
    with mpmath.workdps(digits + 10):
        # y' = 1 + y²: tan t;  z' = -z: e^{-t};  u' = v, v' = -u: circle.
        y, z, u, v = precise_flow(
            lambda s: [1 + s[0] ** 2, -s[1], s[3], -s[2]], [0, 1, 0, 1], mpmath.mpf("1.2"), digits=digits
        )
        t = mpmath.mpf("1.2")
        exact = [mpmath.tan(t), mpmath.exp(-t), mpmath.sin(t), mpmath.cos(t)]
        worst = max(abs(a - b) for a, b in zip((y, z, u, v), exact, strict=True))
        # tan amplifies errors of the steps by at most sec²(1.2) < 8; fewer than 100 steps.
        assert worst < mpmath.mpf(10) ** -digits * 800


def test_a_blow_up_is_an_error_and_not_a_number():
    with pytest.raises(NumericsError, match="breaks down"):
        precise_flow(lambda s: [s[0] ** 2], [1], 2, digits=12)
