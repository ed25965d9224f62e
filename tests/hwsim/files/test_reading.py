"""Files that are no settings or results at all: one line each that names the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwsim.errors import InputError
from hwsim.files.paths import exists
from hwsim.files.reading import read_json, read_toml, sha256
from hwsim.files.writing import check_new_folder, check_outputs, check_writable, staged_folder, write_bytes

READERS = {"json": read_json, "toml": read_toml}
DIGITS, NULL, ZERO_DEVICE = "9" * 5000, "\\u0000", Path("/dev/zero")


@pytest.mark.parametrize(
    ("form", "text", "said"),
    [
        ("json", f'{{"x": {DIGITS}}}', "thousands of digits"),
        ("toml", f"x = {DIGITS}", "thousands of digits"),
        ("toml", f"x = 0x{DIGITS}", "x is a whole number of"),
        ("json", '{"x": 99999999999999999999}', "x is a whole number of 67 bits, must be of at most 63"),
        ("json", "[" * 100_000, "nested too deeply"),
        ("toml", "x = " + "[" * 5000 + "]" * 5000, "nested too deeply"),
        ("json", "[" * 80 + "]" * 80, "nested more than 64 levels"),
        ("json", f'{{"x": ["a{NULL}"]}}', "x holds a null character"),
        ("toml", f'"a{NULL}" = 1', "a name in it holds a null character"),
        ("json", '{"x": [{"y": NaN}]}', "y is nan, must be a finite number"),
        ("json", '{"x": 1e999}', "x is inf"),
        ("toml", "x = -inf", "x is -inf"),
        ("json", "\udcff", "is not text"),
    ],
)
def test_what_no_file_means_is_refused(tmp_path: Path, form: str, text: str, said: str) -> None:
    path = tmp_path / f"f.{form}"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(InputError, match=said) as refused:
        READERS[form](path, "a note")
    assert "expected a note" in str(refused.value)
    assert str(path) in str(refused.value)
    assert len(str(refused.value)) < 400


def test_a_device_that_never_ends_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hwsim.files.reading.LARGEST_BYTES", 1 << 10)
    with pytest.raises(InputError, match="is larger than"):
        read_json(ZERO_DEVICE, "a note")


@pytest.mark.parametrize("name", ["a" * 300, "a\0b", "a" * 200 + "/" + "b" * 256, "\ud800"])
def test_a_path_that_cannot_be_looked_up_is_refused_everywhere(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    for use in (
        exists,
        lambda path: read_json(path, "a note"),
        lambda path: read_toml(path, "a note"),
        sha256,
        check_writable,
        check_new_folder,
        lambda path: write_bytes(path, b""),
        lambda path: staged_folder(path).__enter__(),
    ):
        with pytest.raises(InputError, match=r"cannot be looked up: .*; name another") as refused:
            use(path)
        assert len(str(refused.value)) < 400
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("use", [lambda path: read_json(path, "a note"), sha256])
def test_a_folder_is_no_file(tmp_path: Path, use) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=r"cannot read .*Is a directory"):
        use(tmp_path)


@pytest.mark.parametrize("path", [Path(), Path("..")])
def test_a_folder_is_not_written_as_a_file(path: Path) -> None:
    for use in (check_writable, lambda path: write_bytes(path, b"")):
        with pytest.raises(InputError, match="it is a folder; name a file"):
            use(path)


def test_what_only_seems_writable_is_refused_first() -> None:
    with pytest.raises(InputError, match=r"--csv: cannot write '/proc/x.csv'"):
        check_outputs({"--csv": Path("/proc/x.csv")})
    with pytest.raises(InputError, match="--out '/proc/x' cannot be written"):
        check_new_folder(Path("/proc/x"))


def test_two_outputs_are_two_files(tmp_path: Path) -> None:
    path, link = tmp_path / "a", tmp_path / "b"
    link.symlink_to(path)
    check_outputs({"--csv": path, "--json": None, "--trace": Path("/dev/null"), "--report": Path("/dev/null")})
    for other in (path, tmp_path / "." / "a", link):
        with pytest.raises(InputError, match="--csv and --report both name"):
            check_outputs({"--csv": path, "--report": other})
    assert list(tmp_path.iterdir()) == [link]


def test_a_file_is_no_parent_of_a_new_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match=r"'.*file' is a file; choose a writable folder"):
        check_new_folder(tmp_path / "file" / "out")
