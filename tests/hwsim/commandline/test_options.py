"""A setting is one field: its option, help, choices, default, configuration key and check all come from there."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result

from hwsim.commandline.group import CommandGroup
from hwsim.commandline.options import SectionedCommand, asked, spec_options
from hwsim.errors import InputError
from hwsim.files.spec import LARGEST_SEED, Shown, Spec, is_code, setting, with_default


class Colour(str, Enum):
    RED = "red"
    BLUE = "blue"


class Paint(Spec):
    name: str = setting(..., "What is painted.", Shown(metavar="MODULE:NAME", names_code=True))
    colour: Colour = setting(Colour.RED, "The colour.", Shown("Look"))
    coats: int = setting(2, "How often.", Shown("Look"), ge=1)
    gloss: bool = setting(False, "Whether it shines.", Shown("Look"))
    tools: tuple[str, ...] = setting((), "What is used.", Shown("Look", split=True))
    rooms: tuple[Path, ...] = setting((), "Where.", Shown("Look", option="--room"))
    inner: int = setting(0, "Not asked for.", Shown(option=None))


@click.group(cls=CommandGroup)
def house() -> None:
    """A house."""


@house.command(cls=SectionedCommand)
@spec_options(Paint)
def paint(**options: Any) -> None:
    """Paint a thing."""
    click.echo(repr(Paint.of(asked(Paint, options)).as_json()))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(house, ["paint", *arguments])


def test_options_become_settings() -> None:
    result = run(
        "--name", "door", "--colour", "blue", "--gloss", "--tools", "brush, roll", "--room", "a", "--room", "b"
    )
    assert result.exit_code == 0
    assert eval(result.output) == {
        "name": "door", "colour": "blue", "coats": 2, "gloss": True, "tools": ["brush", "roll"],
        "rooms": ["a", "b"], "inner": 0,
    }  # fmt: skip


def test_help_is_made_from_the_fields() -> None:
    text = run("--help").output
    assert text.index("Options:") < text.index("Look:")
    assert "[red|blue]" in text
    assert "[default: red]" in text
    assert "[default: off]" in text
    assert "--inner" not in text


def test_the_command_line_comes_before_the_file(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text('name = "door"\ncolour = "blue"\ncoats = 3\n')
    content = eval(run("--config", str(config), "--coats", "1").output)
    assert (content["colour"], content["coats"]) == ("blue", 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('color = "red"', "unknown setting 'color': did you mean colour?"),
        ('name = "door"\ncoats = "many"', "c.toml': --coats is 'many'"),
        ('name = "door"\ncoats = true', "c.toml': --coats is 'True'"),
        ('name = "door"\ncoats = 0', "c.toml': --coats is 0: input should be greater than or equal to 1"),
        ('name = "door"\nrooms = ["a"]\nroom = ["b"]', "holds 'room' twice"),
        ('name = "shed-2:door"', "names code ('shed-2:door')"),
        ('name = "door"\ncolour = "reed"', "unknown value 'reed': did you mean red?"),
        ('name = "shed:door"', "names code ('shed:door')"),
        ("name = ", "is not TOML"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    config = tmp_path / "c.toml"
    config.write_text(text)
    result = run("--config", str(config))
    assert result.exit_code == 2
    assert said in result.output
    assert len(result.output.splitlines()) == 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "--name is missing"),
        ({"name": "door", "coats": 0}, "--coats is 0: input should be greater than or equal to 1"),
        ({"name": "door", "coat": 1}, "unknown setting 'coat': did you mean coats?"),
        ({"name": "door", "colour": "x"}, "--colour: unknown value 'x': known: blue, red"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_option(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match="^" + said.replace("(", r"\(")):
        Paint.of(settings)


def test_a_spec_is_frozen_and_checked_again_when_replaced() -> None:
    spec = Paint(name="door")
    assert spec.replaced(coats=5).coats == 5
    with pytest.raises(InputError, match="--coats is 0"):
        spec.replaced(coats=0)


@pytest.mark.parametrize(
    ("value", "code"), [("a.b:c", True), ("evil-mod:net", True), ("evil:", True), ("digits-cnn", False)]
)
def test_code_is_recognised(value: str, code: bool) -> None:
    assert is_code(value) is code


def test_a_setting_of_another_spec_differs_in_its_default_alone() -> None:
    class Original(Spec):
        share: float = setting(0.5, "A share.", Shown("Work", option="--part", default_text="half"), ge=0, le=1)

    class Other(Original):
        share: float = with_default(Original, "share", 0.25)

    assert Other().share == 0.25
    assert Original().share == 0.5
    with pytest.raises(InputError, match="--part is 2"):
        Other(share=2)
    assert Other.model_fields["share"].description == "A share."


def test_no_seed_is_larger_than_generators_take() -> None:
    class Seeded(Spec):
        seed: int = setting(0, "A seed.", ge=0, le=LARGEST_SEED)

    np.random.default_rng(Seeded(seed=LARGEST_SEED).seed)
    with pytest.raises(InputError, match="--seed"):
        Seeded(seed=LARGEST_SEED + 1)
