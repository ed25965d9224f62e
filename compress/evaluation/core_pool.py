"""Independent pieces of work on all cores that torch may use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Part = TypeVar("Part")
Result = TypeVar("Result")


def on_all_cores(run: Callable[[Part], Result], parts: Sequence[Part]) -> list[Result]:
    """Return `run` of each part, in order and without gradients: as many at once as torch has threads, one core each.

    Parts are shared out rather than each operator's loop: many operators are too short to be worth two cores.
    """
    threads = min(torch.get_num_threads(), len(parts))

    def call(part: Part) -> Result:
        with torch.inference_mode():  # a thread's own setting
            return run(part)

    if threads <= 1:
        return [call(part) for part in parts]
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        return list(pool.map(call, parts))
