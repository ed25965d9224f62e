"""What a network's logits on images are worth, also where a screening looked at some of them only."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from compress.images.accuracy import accuracy_pct
from hwsim.errors import RunError


@dataclass(frozen=True)
class Screen:
    """Look at `images` images first; a network that loses more than `loss_pct` points there is not looked at further.

    Its accuracy is the dense network's less that loss: exact enough to turn it down, not a measurement of it.
    """

    loss_pct: float
    images: int = 100

    def hopeless(self, logits: Tensor, labels: Tensor, dense: Tensor) -> bool:
        """Return whether logits of the first images are too wrong, beside the dense network's, to ask for more."""
        labels = labels[: len(logits)]
        return accuracy_pct(dense[: len(logits)], labels) - accuracy_pct(logits, labels) > self.loss_pct


@dataclass(frozen=True)
class Answers:
    """What a network answers to images: top-1 accuracy in percent, and the distortion of its logits.

    `distortion`: the squared difference from the dense 8-bit network's logits, relative to those logits' own spread
    over the classes, both summed over the images. It needs no labels, and says with a few hundred images how much a
    small change harms, where accuracy counts a handful of answers.
    """

    accuracy_pct: float
    distortion: float


def compared(logits: Tensor, labels: Tensor, dense: Tensor) -> Answers:
    """Return what logits float32[n, classes] are worth beside the dense network's, float32[N, classes], n <= N.

    Of less than N images the accuracy is the dense network's on all less what is lost on those. Raises RunError for
    logits that are not finite.
    """
    looked = len(logits)
    there, correct = accuracy_pct(dense[:looked], labels[:looked]), accuracy_pct(logits, labels[:looked])
    whole = correct if looked == len(labels) else max(accuracy_pct(dense, labels) - (there - correct), 0.0)
    reference = dense[:looked].double()
    error = float((logits.double() - reference).square().sum())
    if not math.isfinite(error):
        raise RunError(
            "the network answers with NaN or infinity: its weights are too large; load other weights, or leave out the"
            " pruner that refits them"
        )
    spread = float((reference - reference.mean(dim=1, keepdim=True)).square().sum())
    return Answers(whole, error / spread if spread > 0 else error)
