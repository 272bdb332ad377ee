"""theory.flows.boundary, by the name that it had here."""

from theory.flows.boundary import DRAWS, SHARES, Classes, near_boundary

__all__ = ["DRAWS", "SHARES", "Classes", "near_boundary"]
