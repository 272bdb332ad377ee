"""The source paper's experiments, done again with many seeds, beside what theory says of each optimiser."""

from verify.reproduce.finding import FIGURES, Finding, Reproduction
from verify.reproduce.run import reproduce

__all__ = ["FIGURES", "Finding", "Reproduction", "reproduce"]
