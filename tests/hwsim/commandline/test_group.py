"""What no step of a command foresaw of paths and disks is still one line."""

from __future__ import annotations

import errno
import os

import pytest
from click.testing import CliRunner

from hwsim.commandline.group import CommandGroup


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(errno.EACCES, os.strerror(errno.EACCES), "kept/f.json"), "kept/f.json: Permission denied"),
        (OSError("no strerror\nhere"), "the system: no strerror here"),
    ],
)
def test_an_error_of_the_system_is_one_line(error: OSError, said: str) -> None:
    group = CommandGroup("g")

    @group.command("fail")
    def fail() -> None:
        raise error

    result = CliRunner().invoke(group, ["fail"])
    assert (result.exit_code, result.stderr) == (1, f"error: {said}\n")
