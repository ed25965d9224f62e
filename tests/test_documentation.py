"""What the pages show works: Python blocks run, commands and options exist, files that are named are there.

A fenced Python block runs by itself, in an empty folder. Where that cannot be, the line before the block says why:
`<!-- not run: reason -->`.
"""

from __future__ import annotations

import ast
import importlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from hwsim.files.reading import read_toml

ROOT = Path(__file__).resolve().parents[1]
GROUPS = ("characterize", "hwsim", "compress")
PAGES = sorted(
    path.relative_to(ROOT)
    for pattern in ("*.md", "results/*.md", "docs/**/*.md")
    for path in ROOT.glob(pattern)
    if path.name != "CHANGELOG.md"  # tells of commands as they were
)
_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_NOT_RUN = re.compile(r"<!-- not run: (.+?) -->\s*\Z")
_SPAN = re.compile(r"`([^`\n]+)`")
_OURS = re.compile(r"(?:characterize|compress|hwsim|tests|rtl|results|docs)/[\w./-]+")
_MADE_OR_MEANT = re.compile(r"^results/runs|(^|[/_])[A-Z]+(\.|$)")
"""Names of files that runs make, and names that stand for any (`figures/mixed_M`, `mac/NAME.csv`)."""


@dataclass(frozen=True)
class PythonBlock:
    """A fenced Python block: its code, and why it is not run where a comment before it says so."""

    code: str
    reason: str | None


def python_blocks(text: str) -> list[PythonBlock]:
    """Return the Python blocks of a page in order."""
    blocks = []
    for match in _FENCE.finditer(text):
        if match[1] == "python":
            marked = _NOT_RUN.search(text[: match.start()])
            blocks.append(PythonBlock(match[2], marked[1] if marked else None))
    return blocks


def shell_lines(text: str) -> Iterator[str]:
    """Return what a page shows as code and not as Python: indented lines, lines of fenced blocks, spans in prose."""
    for match in _FENCE.finditer(text):
        if match[1] != "python":
            yield from match[2].replace("\\\n", " ").splitlines()
    prose = _FENCE.sub("", text)
    yield from (line.strip() for line in prose.replace("\\\n", " ").splitlines() if line.startswith("    "))
    yield from _SPAN.findall(prose)


def commands(line: str) -> Iterator[list[str]]:
    """Return the words of each of the project's commands on a shell line, its redirections and comments apart."""
    lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=";|&<>()")
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:  # prose with an apostrophe
        return
    piece: list[str] = []
    for word in [*words, ";"]:
        if not set(word) <= set(";|&<>()"):
            piece.append(word)
            continue
        while piece and piece[0] in ("time", "do"):
            piece = piece[1:]
        if len(piece) > 1 and piece[0] in GROUPS and re.fullmatch(r"[a-z][a-z-]*", piece[1]):
            yield piece
        piece = []


def check_command(words: list[str]) -> None:
    """Parse a command as click would, without running it; raises UsageError for names that do not exist."""
    command: click.Command = importlib.import_module(f"{words[0]}.cli").main
    context = click.Context(command, info_name=words[0])
    rest = words[1:]
    while isinstance(command, click.Group) and rest:
        found = command.get_command(context, rest[0])
        if found is None:
            raise click.UsageError(f"no command '{rest[0]}'")
        context = click.Context(found, parent=context, info_name=rest[0])
        command, rest = found, rest[1:]
    _, left, _ = command.make_parser(context).parse_args(list(rest))
    if [word for word in left if word != "..."]:
        raise click.UsageError(f"unexpected {left}")


def of_pages(found: list[tuple[Path, list[str]]]) -> list[object]:
    """Return test parameters whose ids name the page and the command."""
    return [pytest.param(words, id=f"{page}: {' '.join(words)}"[:100]) for page, words in found]


BLOCKS = [
    pytest.param(block, id=f"{page}-{number}")
    for page in PAGES
    for number, block in enumerate(python_blocks((ROOT / page).read_text()))
]
COMMANDS = [
    (page, words) for page in PAGES for line in shell_lines((ROOT / page).read_text()) for words in commands(line)
]
SNIPPETS = [
    (page, [code])
    for page in PAGES
    for code in re.findall(r'python -c "([^"]+)"', (ROOT / page).read_text())
]  # fmt: skip


@pytest.mark.parametrize("block", BLOCKS)
def test_a_python_block_runs(block: PythonBlock, tmp_path: Path) -> None:
    if block.reason:
        pytest.skip(block.reason)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", block.code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{block.code}\n{done.stderr[-2000:]}"


@pytest.mark.parametrize("words", of_pages(COMMANDS))
def test_a_command_and_its_options_exist(words: list[str]) -> None:
    check_command(words)


@pytest.mark.parametrize("words", of_pages(SNIPPETS))
def test_what_a_one_line_program_imports_exists(words: list[str]) -> None:
    for node in ast.walk(ast.parse(words[0])):
        if isinstance(node, ast.ImportFrom) and node.module:
            module = importlib.import_module(node.module)
            assert all(alias.name == "*" or hasattr(module, alias.name) for alias in node.names), node.module


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_files_that_a_page_names_exist(page: Path) -> None:
    text = (ROOT / page).read_text()
    links = {link for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text) if "://" not in link}
    missing = [link for link in sorted(links) if not (ROOT / page.parent / link).exists()]
    for span in sorted(set(_SPAN.findall(_FENCE.sub("", text)))):
        if not _OURS.fullmatch(span) or _MADE_OR_MEANT.search(span):
            continue
        if not any((folder / span).exists() for folder in (ROOT, ROOT / page.parent)):
            missing.append(span)
    assert not missing


def test_tests_that_the_pages_name_exist() -> None:
    every = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    named = {name for page in PAGES for name in re.findall(r"`(test_\w+)`", (ROOT / page).read_text())}
    assert {name for name in named if f"def {name}(" not in every} == set()
    assert named


def test_the_rooms_of_contributing_are_those_of_the_contracts() -> None:
    contracts = read_toml(ROOT / "pyproject.toml", "the project's settings")["tool"]["importlinter"]["contracts"]
    rooms = {one["containers"][0]: " > ".join(one["layers"]) for one in contracts if one["type"] == "layers"}
    page = (ROOT / "CONTRIBUTING.md").read_text()
    assert dict(re.findall(r"^    (\w+): +(cli > .+)$", page, re.MULTILINE)) == rooms


def test_the_pages_hold_what_is_checked_here() -> None:
    assert Path("README.md") in PAGES
    assert {words[0] for _, words in COMMANDS} == set(GROUPS)
    assert len(COMMANDS) > 50


def test_blocks_and_commands_are_found_in_a_page() -> None:
    page = "\n".join(
        [
            "See `hwsim costs --show 7nm` and what isn't code; `hwsim -> compress` is none.",
            "    $ time characterize run --out a; compress compare a/* > b  # not --this",
            "```python\nx = 1\n```",
            "<!-- not run: hours -->",
            "```python\nhwsim lost\n```",
            "```\ncompress search --out x \\\n    --data digits\n```",
        ]
    )
    assert python_blocks(page) == [PythonBlock("x = 1\n", None), PythonBlock("hwsim lost\n", "hours")]
    assert [" ".join(words) for line in shell_lines(page) for words in commands(line)] == [
        "compress search --out x --data digits",
        "characterize run --out a",
        "compress compare a/*",
        "hwsim costs --show 7nm",
    ]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("hwsim simulat resnet50", "no command 'simulat'"),
        ("hwsim simulate resnet50 --enginee cycle", "--enginee"),
        ("compress report one two", "unexpected"),
        ("hwsim simulate resnet50 --json", "requires an argument"),
    ],
)
def test_wrong_commands_are_noticed(line: str, says: str) -> None:
    (words,) = commands(line)
    with pytest.raises(click.UsageError, match=says):
        check_command(words)
