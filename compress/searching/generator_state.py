"""Where a random generator stands, as plain integers that a checkpoint holds."""

from __future__ import annotations

import numpy as np


def generator_state(rng: np.random.Generator) -> dict[str, int]:
    """Return a PCG64 generator's state as plain integers."""
    state = rng.bit_generator.state
    return {
        "state": int(state["state"]["state"]),
        "inc": int(state["state"]["inc"]),
        "has_uint32": int(state["has_uint32"]),
        "uinteger": int(state["uinteger"]),
    }


def restore_generator(rng: np.random.Generator, state: dict[str, int]) -> None:
    """Continue a PCG64 generator from what `generator_state` returned."""
    rng.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": state["state"], "inc": state["inc"]},
        "has_uint32": state["has_uint32"],
        "uinteger": state["uinteger"],
    }
