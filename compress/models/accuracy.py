"""The accuracy of a network over images that do not fit into memory at once."""

from __future__ import annotations

import torch
from torch import nn

from compress.images.accuracy import accuracy_pct
from compress.images.dataset import LabelledImages


def network_accuracy_pct(model: nn.Module, images: LabelledImages, batch_size: int = 500, device: str = "cpu") -> float:
    """Return the top-1 accuracy in percent of a network, put into eval mode, a batch at a time on a device."""
    model.eval()
    with torch.inference_mode():
        predicted = [model(part.to(device)).argmax(1).cpu() for part, _ in images.batches(batch_size)]
    return accuracy_pct(torch.cat(predicted), images.labels)
