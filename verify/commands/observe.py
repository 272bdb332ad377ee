"""`condense observe`: how condensed are anyone's trained weights?"""

from __future__ import annotations

from typing import Annotated

from verify.commands.options import OUTPUT, Count, Flag, Output, print_json, watched


def observe(
    checkpoint: str,
    /,
    *,
    threshold: float = 0.95,
    multiplicity: Count = 1,
    chance: Annotated[bool, Flag] = False,
    seed: Count = 0,
    entry: str | None = None,
    layout: str | None = None,
    output: Output = OUTPUT,
) -> int:
    """Measure condensation in trained PyTorch weights: a state_dict saved by torch, or .safetensors.

    Parameters
    ----------
    checkpoint
        File with tensors only; nothing pickled is ever run.
    threshold
        Cosine from which neurons point the same way.
    multiplicity
        Exponent p of the amplitude |a| ‖w‖^p.
    chance
        Also count orientations over thresholds from 0.8 to 0.99, beside random vectors of the same number.
    seed
        Seed of the random vectors that the layers are compared with.
    entry
        Dictionary to read where the file holds several with weights: model, or state.model within another.
    layout
        How linear weights are stored where two readings fit: outputs-inputs (torch), inputs-outputs (x @ W),
        stacked-outputs-inputs or stacked-inputs-outputs (an ensemble along a first axis).
    """
    from numerics.weights.checkpoint import load_state
    from numerics.weights.observe import observe as measure
    from verify.tables.observed import print_observation

    found = watched(
        output,
        lambda progress: measure(
            load_state(checkpoint, entry=entry),
            threshold=threshold,
            multiplicity=multiplicity,
            chance=chance,
            seed=seed,
            layout=layout,
        ),
    )
    if output.json:
        print_json({"checkpoint": checkpoint, "seed": seed, "layers": [each.to_json() for each in found]})
    else:
        print_observation(checkpoint, found)
    return 0
