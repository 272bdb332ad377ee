"""Verdicts, reports and the run folder."""
