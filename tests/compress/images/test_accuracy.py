"""One formula for the share of right answers."""

from __future__ import annotations

import pytest
import torch

from compress.images.accuracy import accuracy_pct
from hwsim.errors import InputError


def test_logits_and_predictions_say_the_same() -> None:
    logits = torch.tensor([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]])
    labels = torch.tensor([1, 0, 0])
    assert accuracy_pct(logits, labels) == accuracy_pct(logits.argmax(1), labels) == pytest.approx(200 / 3)


@pytest.mark.parametrize(("answers", "labels"), [(torch.zeros(0, 2), torch.zeros(0)), (torch.zeros(3), torch.zeros(2))])
def test_answers_that_do_not_match_labels_are_refused(answers: torch.Tensor, labels: torch.Tensor) -> None:
    with pytest.raises(InputError, match=f"{len(answers)} answers and {len(labels)} labels"):
        accuracy_pct(answers, labels)
