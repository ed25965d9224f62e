"""How often a network is right."""

from __future__ import annotations

import torch
from torch import Tensor

from hwsim.errors import InputError


def accuracy_pct(answers: Tensor, labels: Tensor) -> float:
    """Return the top-1 accuracy in percent.

    `answers`: logits float[N, classes], or the predicted classes int64[N]; `labels`: int64[N]. Raises InputError where
    the two differ in number or there is none.
    """
    if not len(labels) or len(answers) != len(labels):
        raise InputError(f"{len(answers)} answers and {len(labels)} labels; as many of both, and at least one")
    predicted = answers.argmax(dim=1) if answers.dim() == 2 else answers
    return 100.0 * int(torch.count_nonzero(predicted == labels)) / len(labels)
