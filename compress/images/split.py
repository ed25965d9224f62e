"""Which images a figure was measured on."""

from __future__ import annotations

from enum import Enum


class Split(str, Enum):
    """The images that a measurement looks at, each apart from the others; a value is also the name in files.

    VALIDATION is what a search looks at in every step, WIDER what it checks promising policies on, UNSEEN the
    validation images that confirm its choice at the end, TEST the test set, which decides nothing.
    """

    VALIDATION = "validation"
    WIDER = "wider"
    UNSEEN = "unseen"
    TEST = "test"

    def __str__(self) -> str:
        return str(self.value)
