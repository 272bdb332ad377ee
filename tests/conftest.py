"""Hypothesis profiles: quick in `make test`, long in `make fuzz`; no deadline, for the machine is shared.

Shapes in public signatures are checked wherever a test passes; CONDENSE_SHAPES=0 turns that off.
"""

import os

from hypothesis import HealthCheck, settings

from tests.shapes import enforce

enforce()
settings.register_profile(
    "default", deadline=None, max_examples=25, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "fuzz", deadline=None, max_examples=1000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
