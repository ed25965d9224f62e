"""What a training depends on."""

from __future__ import annotations

from hwsim.files.spec import LARGEST_SEED, Shown, Spec, setting

_RECIPE = Shown("Recipe")
_KEPT = Shown(option=None)


class TrainingSpec(Spec):
    """A short recipe that makes weights from scratch; a checkpoint resumes only under the same one.

    Source: Smith and Topin, "Super-Convergence", 2019 (one-cycle); Szegedy et al., CVPR 2016, section 7 (label
    smoothing).
    """

    epochs: int = setting(30, "Passes over the training images.", _RECIPE, ge=1, le=1_000_000)
    batch_size: int = setting(
        128, "Images of a step.", Shown("Recipe", default_text="64 for the digits, 128 otherwise"), ge=2, le=2**20
    )
    peak_learning_rate: float = setting(0.1, "The peak of the one-cycle schedule.", _RECIPE, gt=0)
    momentum: float = setting(0.9, "Momentum of SGD.", _KEPT)
    weight_decay: float = setting(5e-4, "Weight decay, not of biases and norms.", _KEPT)
    warm_up: float = setting(0.25, "The share of all steps until the learning rate peaks.", _KEPT)
    label_smoothing: float = setting(0.1, "What is taken from the true class and given to all.", _KEPT)
    crop_padding: int = setting(4, "Pixels that an image may move; 0 for none.", _KEPT, ge=0)
    flip: bool = setting(True, "Whether images are mirrored at random.", _KEPT)
    bf16: bool = setting(False, "Compute in bfloat16.", Shown("Recipe", default_text="on a GPU only"))
    seed: int = setting(0, "The seed of everything random.", _RECIPE, ge=0, le=LARGEST_SEED)
