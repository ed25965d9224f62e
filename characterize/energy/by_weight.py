"""Energy of a MAC by the value of its weight, the weight held and the activations streaming."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from characterize.energy.measurement import Campaign, accounted
from characterize.spec import MAX_BITS, Accounting, Dataflow
from characterize.streams.stimulus import OperandStream


def energy_by_weight_fj(campaign: Campaign, values: Sequence[int]) -> dict[int, dict[Accounting, float]]:
    """Return weight value to energy per MAC, fJ, by accounting, at 8-bit operands.

    Every value meets the same activations and partial sums (one stream, or one batch of them), so that differences
    between values are those of the weight alone.
    """
    spec = campaign.generator.spec.replaced(dataflow=Dataflow.WEIGHT_STATIONARY)
    size = campaign.simulator.streams_per_batch
    generator = replace(campaign.generator, spec=spec, weights_per_stream=12 if size == 1 else 3)
    base = [generator.stream(index, MAX_BITS, MAX_BITS) for index in range(size)]

    def one(value: int) -> dict[Accounting, float]:
        streams = [
            OperandStream(np.full_like(stream.weight, value), stream.activation, stream.psum, stream.load)
            for stream in base
        ]
        groups_fj = campaign.mean_groups_fj(streams)
        return {accounting: float(accounted(groups_fj, accounting)) for accounting in Accounting}

    with ThreadPoolExecutor(max_workers=campaign.jobs) as pool:
        return dict(zip(values, pool.map(one, values), strict=True))
