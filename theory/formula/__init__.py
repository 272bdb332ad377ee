"""Formulas of activations and losses: parsed, expanded exactly, evaluated in balls."""
