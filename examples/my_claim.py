"""A claim of one's own, outside the package: merging two neurons on one line keeps the output.

Setting.     Neurons with σ(z) = z^p on one line, w_k = r_k v.
Statement.   Σ_k a_k σ(r_k v·x) = a σ(r v·x) with the output weight a = Σ_k a_k (r_k/r)^p, for any r > 0.
Steps.       σ(r_k z) = (r_k/r)^p σ(r z).

Run it with `condense claims examples/my_claim.py`; test it with `verify.claims.testing.cases`.  A package offers its claims
through an entry point of the group `condense.claims`.
"""

import numpy as np

from verify import Check, Verdict
from verify.claims import About, Claim, Dynamics, Method, Outcome, Reading, Run


def merged_weight(a, r, p):
    """The law: the output weight that replaces neurons of amplitudes r by one of amplitude 1."""
    return np.sum(a * r**p)


def validate(law, run: Run) -> Outcome:
    """Observe the outputs of random neurons, and compare with what the law says."""
    generator = run.generator("my claim")
    checks = []
    for p in (1, 2, 3):
        a, r, z = generator.standard_normal(5), generator.uniform(0.5, 2, 5), generator.standard_normal(20)
        before = a @ np.outer(r, z) ** p
        after = law(a, r, p) * z**p
        observed = float(np.max(np.abs(after - before)))
        rounding = 16 * np.finfo(float).eps * float(np.max(np.abs(a) @ np.abs(np.outer(r, z)) ** p))
        checks.append(
            Check(
                name=f"largest change of the output, p = {p}",
                predicted=0.0,
                observed=observed,
                tolerance=rounding,
                verdict=Verdict.CONFIRMED if observed <= rounding else Verdict.REFUTED,
                why="rounding of sums of five products",
            )
        )
    return Outcome(f"change of the output {max(c.observed for c in checks):.1e}, p = 1, 2, 3", tuple(checks))


MERGING = Claim(
    id="merging.line",
    title="neurons on one line merge into one",
    statement=r"\sum_k a_k (r_k z)^p = \Big(\sum_k a_k r_k^p\Big) z^p",
    hypotheses=("σ(z) = z^p", "one line, one side"),
    source="this file",
    method=Method.CERTIFIED,
    about=About.OTHER,
    reading=Reading.NONE,
    dynamics=Dynamics.NONE,
    law=merged_weight,
    validate=validate,
    mutants={
        "amplitudes ignored": lambda a, r, p: np.sum(a),
        "linear in the amplitude": lambda a, r, p: np.sum(a * r),
        "the output weight's size": lambda a, r, p: np.sum(np.abs(a) * r**p),
    },
)
