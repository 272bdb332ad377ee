"""The source paper's experiments, done again with many seeds, beside what theory says of each optimiser."""

from verify.reproduce.finding import Finding, Reproduction
from verify.reproduce.run import FIGURES, reproduce

__all__ = ["FIGURES", "Finding", "Reproduction", "reproduce"]
