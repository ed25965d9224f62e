"""What the synthesis tool's log says, as one line that the author of the RTL can act on."""

from __future__ import annotations

import re

from hwsim.errors import InputError, RunError, unknown_name

_AT_LINE = re.compile(r"^(?P<file>.+?):(?P<line>\d+)(?:\.\d+-[\d.]+)?: ERROR:\s*(?P<text>.+)$", re.MULTILINE)
_ERROR = re.compile(r"^ERROR:\s*(.+)$", re.MULTILINE)
_MODULE = re.compile(r"^Generating RTLIL representation for module `\\([^']+)'", re.MULTILINE)
_NOT_FOUND = re.compile(r"Module `\\?([^']+)' not found")
_NOT_PART = re.compile(r"Module `\\?([^']+)' referenced in module `\\?([^']+)' in cell `\\?([^']+)' is not part")
_NO_PARAMETER = re.compile(r"Can't find object for defparam `\\?([^`']+)`")
_LATCH = re.compile(r"Latch inferred for signal `\\?([^']+)' from process `[^']*?\$proc\$(.+?):(\d+)\$")
_LOOP = re.compile(r"found logic loop in module \S+:\n((?:    .*\n)+)")
_SOURCE = re.compile(r"wire (\S+).*? source: (\S+?):(\d+)\.")
_CONFLICT = re.compile(r"multiple conflicting drivers for (.+?):?\n")
_UNDRIVEN = re.compile(r"Wire (\S+?)(?: \[\d+\])? is used but has no driver")
_IMPLICIT = re.compile(r"^(?P<file>.+?):(\d+): Warning: Identifier `\\?([^`']+)' is implicitly declared", re.MULTILINE)
_RESIZE = re.compile(r"Resizing cell port (\S+) from (\d+) bits? to (\d+) bits?")


def diagnose(log: str, top: str) -> InputError | RunError:
    """Return the error that a failed run of the tool stands for."""
    if "No module named 'pyosys'" in log:
        return RunError("synthesis needs the package pyosys, which has no wheel here; install it with pip")
    if match := _NO_PARAMETER.search(log):
        return InputError(f"top module '{top}' has no parameter '{match[1]}'")
    if match := _AT_LINE.search(log):
        return InputError(f"--rtl {match['file']}:{match['line']}: {_plain(match['text'])}")
    if match := _NOT_PART.search(log):
        return InputError(f"--rtl lacks module '{match[1]}' (instance '{match[3]}' in '{match[2]}'); add its file")
    if _NOT_FOUND.search(log):
        modules = sorted({name for name in _MODULE.findall(log) if not name.startswith("$")})
        if not modules:
            return InputError(f"--top '{top}': the --rtl files hold no module")
        return unknown_name("--top module", top, modules)
    for find in (_latch, _conflict, _loop, _undriven):
        if (error := find(log)) is not None:
            return error
    errors = _ERROR.findall(log)
    return RunError(
        f"synthesis of '{top}' failed: {_plain(errors[-1]) if errors else 'the tool ended without a message'}"
    )


def refuse_truncation(log: str) -> None:
    """Raise InputError where an instance's port is narrower than what is connected; unsized constants may be cut."""
    for port, given, width in _RESIZE.findall(log):
        if int(given) > int(width) and int(given) != 32:
            raise InputError(f"--rtl: port '{_plain(port)}' is {width} bits wide but gets {given}; match the widths")


def read_notes(log: str) -> tuple[str, ...]:
    """Return what the author of the RTL should know about a successful run, one line each."""
    notes = []
    if re.search(r"Using template .*_adffe?\b", log):
        notes.append("asynchronous resets were made synchronous: the library's registers have none")
    for file, line, name in sorted(set(_IMPLICIT.findall(log))):
        notes.append(f"{file}:{line}: '{name}' is declared implicitly, as one bit")
    return tuple(notes)


def _latch(log: str) -> InputError | None:
    match = _LATCH.search(log)
    if match is None or "$dlatch" not in log:
        return None
    return InputError(
        f"--rtl {match[2]}:{match[3]}: a latch is inferred for '{_plain(match[1])}';"
        " assign it on every path or use a clock"
    )


def _loop(log: str) -> InputError | None:
    match = _LOOP.search(log)
    if match is None:
        return None
    if source := _SOURCE.search(match[1]):
        return InputError(
            f"--rtl {source[2]}:{source[3]}: combinational loop through '{_plain(source[1])}'; add a register"
        )
    return InputError("--rtl: the design holds a combinational loop; add a register")


def _conflict(log: str) -> InputError | None:
    match = _CONFLICT.search(log)
    return None if match is None else InputError(f"--rtl: '{_plain(match[1])}' has more than one driver; keep one")


def _undriven(log: str) -> InputError | None:
    match = _UNDRIVEN.search(log)
    return None if match is None else InputError(f"--rtl: '{_plain(match[1])}' is used but has no driver; assign it")


def _plain(text: str) -> str:
    """Return a message without the tool's marks on names."""
    return re.sub(r"\s+", " ", text.replace("\\", "").replace("`", "'")).strip().rstrip(".")
