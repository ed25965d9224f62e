"""Activations kept before layers that may change next: where an evaluation is taken up again."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from compress.evaluation.heap import release_free_memory
from compress.evaluation.program import Values

_UNTIDY_BYTES = 256 * 2**20


class KeptActivations:
    """For some steps of a program, the values alive before them, a batch after the other; at most `bound` bytes."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._cuts: dict[int, list[Values]] = {}
        self._kept_anew = 0

    def __contains__(self, step: int) -> bool:
        return step in self._cuts

    def latest(self, step: int) -> tuple[int, list[Values]]:
        """Return the last step up to `step` that is kept, and its batches; step 0 with none where nothing is."""
        start = max((cut for cut in self._cuts if cut <= step), default=0)
        return start, self._cuts.get(start, [])

    def add(self, cuts: Mapping[int, list[Values]]) -> None:
        """Keep batches before steps; the earliest steps go until the bound holds."""
        self._cuts.update(cuts)
        while self._cuts and self.bytes > self._bound:
            del self._cuts[min(self._cuts)]
        # what new activations replaced has left holes in the heap
        self._kept_anew += _bytes_of(cuts)
        if self._kept_anew > _UNTIDY_BYTES:
            self._kept_anew = 0
            release_free_memory()

    def drop_after(self, step: int) -> None:
        """Forget what no longer holds once a step has changed."""
        for cut in [cut for cut in self._cuts if cut > step]:
            del self._cuts[cut]

    @property
    def bytes(self) -> int:
        """How much is kept; tensors that steps share count once."""
        return _bytes_of(self._cuts)


def _bytes_of(cuts: Mapping[int, list[Values]]) -> int:
    tensors = {
        value.untyped_storage().data_ptr(): value.untyped_storage().nbytes()
        for batches in cuts.values()
        for values in batches
        for value in values.values()
        if isinstance(value, Tensor)
    }
    return sum(tensors.values())
