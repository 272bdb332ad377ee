"""What verify refuses, and why."""


class UsageError(ValueError):
    """A request that cannot be carried out: one line naming what is wrong, where, and what would be accepted."""
