"""The source paper's experiments, done again with many seeds, beside what theory says of each optimiser."""

from verify.reproduce.finding import Finding, Reproduction
from verify.reproduce.index import FIGURES
from verify.reproduce.run import reproduce

__all__ = ["FIGURES", "Finding", "Reproduction", "reproduce"]
