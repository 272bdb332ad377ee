"""Losses: what the leading order sees of them (`loss`), and their signal at any output (`signal`)."""
