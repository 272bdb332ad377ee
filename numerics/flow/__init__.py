"""Integrators of the leading flow and of the full gradient flow."""
