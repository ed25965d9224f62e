from __future__ import annotations

import os
from pathlib import Path

import pytest

from hwsim.errors import InputError, unknown_name
from hwsim.files.writing import check_new_folder, check_writable, staged_folder, write_json, write_text


def test_a_failed_stage_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), staged_folder(tmp_path / "out") as stage:
        (stage / "half").write_text("x")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_finished_stage_appears_whole(tmp_path: Path) -> None:
    with staged_folder(tmp_path / "a" / "out") as stage:
        (stage / "whole").write_text("x")
    assert (tmp_path / "a" / "out" / "whole").read_text() == "x"


def test_a_folder_with_content_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("x")
    with pytest.raises(InputError, match="already exists and is not empty"):
        check_new_folder(tmp_path)


def test_nan_never_reaches_a_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "f.json", {"x": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_unknown_names_get_the_nearest() -> None:
    assert "resnet50" in str(unknown_name("network", "resnet5", ["resnet50", "vgg16"]))


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        check_writable(pipe)
        write_text(pipe, "x")
        assert os.read(reader, 10) == b"x"
    finally:
        os.close(reader)
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_link_is_followed(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    write_text(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"


@pytest.mark.parametrize("name", ["", "missing/f.json"])
def test_an_output_that_cannot_be_written_is_refused_first(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot write"):
        check_writable(tmp_path / name)
