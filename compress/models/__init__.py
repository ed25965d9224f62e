"""Networks that are built in, with torchvision's parameter names, and the door for a user's own."""

from __future__ import annotations

from compress.models.load import build_model, load_model
from compress.models.registry import MODELS, model_entry, normalization_of

__all__ = ["MODELS", "build_model", "load_model", "model_entry", "normalization_of"]
