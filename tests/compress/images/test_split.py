"""A split is an enum whose values are the names that files and messages have always had."""

from __future__ import annotations

import json

from compress.images.split import Split


def test_a_split_prints_and_is_stored_as_its_name() -> None:
    assert [f"{split}" for split in Split] == ["validation", "wider", "unseen", "test"]
    assert json.dumps({"split": Split.WIDER}) == '{"split": "wider"}'
    assert {Split.TEST: 1}["test"] == 1  # type: ignore[index]
