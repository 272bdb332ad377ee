"""Compiled inner loops, each beside its slow reference; `numerics.training` is their only caller."""
