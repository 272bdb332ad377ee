"""The hunter: searches counterexamples to a claim, shrinks what it finds, certifies it.

>>> from verify.hunt import Target, hunt
>>> find = hunt("C1", Target(multiplicity=3, dimension=3), seed=1)
>>> find.found, find.certificate.document["complete"], find.certificate.document["growing"] > 6
(True, True, True)
"""

from verify.hunt.certificate import Target
from verify.hunt.engine import HUNTS, hunt, register, run
from verify.hunt.model import Certificate, Directed, Find, Property

__all__ = ["HUNTS", "Certificate", "Directed", "Find", "Property", "Target", "hunt", "register", "run"]
