"""What theory refuses, and why."""


class TheoryError(ValueError):
    """An input that theory cannot treat: one line naming what is wrong, where, and what would be accepted."""
