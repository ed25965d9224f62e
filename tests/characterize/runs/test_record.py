"""run.json: what an earlier version wrote is read, what this version cannot know is refused by number or name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from characterize.bench.verification import Verdict
from characterize.mac.interface import Role
from characterize.runs.record import RunRecord
from characterize.spec import ActivityKind, RunSpec
from hwsim.errors import InputError

EARLIER = Path(__file__).parent / "data" / "run_schema_1.json"
"""Written at 6ba87ce, before run.json was typed.

The command: `characterize run --bits 8 --ci 0.1 --activity zero-delay --no-verify --out DIR`.
"""


def test_an_earlier_record_is_read_and_written_the_same() -> None:
    record = RunRecord.read(EARLIER)
    assert record.spec == RunSpec(bits="8", ci=0.1, activity=ActivityKind.ZERO_DELAY, verify=False)
    assert record.interface.ports[Role.PSUM_OUT] == "psum_out"
    assert record.verification.status is Verdict.SKIPPED
    assert record.to_json() == EARLIER.read_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, "has schema 2, this version reads schema 1 of the record of a `characterize run`"),
        ({"sped": 1}, "unknown field 'sped': did you mean spec?"),
        ({"simulated_cycles": "many"}, "field 'simulated_cycles' is 'many'"),
        ({"spec": {"ci": 3}}, "field 'spec' is {'ci': 3}: --ci 3: the relative half-width must be 0.001 to 0.5"),
    ],
)
def test_a_record_that_is_none_is_refused_in_one_line(change: dict[str, object], message: str) -> None:
    content = json.loads(EARLIER.read_text()) | change
    with pytest.raises(InputError, match=r"^'run\.json'") as caught:
        RunRecord.parse(content, "'run.json'")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
