import pytest

from characterize.technology.boolean import parse_boolean


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("A * B", 0b1000),
        ("(A + B)", 0b1110),
        ("A ^ B", 0b0110),
        ("!A", 0b0101),
        ("A' B", 0b0100),
        ("(A * !B) + (!A * B)", 0b0110),
        ("!(A & B)", 0b0111),
        ("1", 0b1111),
        ("A * 0", 0b0000),
    ],
)
def test_truth_tables(text: str, table: int) -> None:
    assert parse_boolean(text, ("A", "B")).truth_table == table


def test_conjunction_binds_closer_than_exclusive_or_and_that_closer_than_or() -> None:
    inputs = ("A", "B", "C")
    assert parse_boolean("A + B ^ C * A", inputs).truth_table == parse_boolean("A + (B ^ (C * A))", inputs).truth_table


def test_verilog_has_the_same_meaning() -> None:
    function = parse_boolean("!(A1 * A2) + B'", ("A1", "A2", "B"))
    for row in range(8):
        names = {name: row >> i & 1 for i, name in enumerate(function.inputs)}
        assert eval(function.verilog.replace("~", "1 ^ "), {}, names) == function(row)


def test_outputs_may_stand_for_their_functions() -> None:
    inputs = ("A", "B")
    known = {"Y": parse_boolean("!(A * B)", inputs)}
    assert parse_boolean("A * !Y", inputs, known).truth_table == 0b1000


@pytest.mark.parametrize("text", ["A *", "(A", "A B )", "D", "A $ B", ""])
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_boolean(text, ("A", "B"))
