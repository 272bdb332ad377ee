"""The only glue between the rooms: experiments, formulas and losses for numerics, training."""
