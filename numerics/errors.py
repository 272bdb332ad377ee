"""What numerics refuses, and why."""


class NumericsError(ValueError):
    """An input that numerics cannot treat: one line naming what is wrong, where, and what would be accepted."""
