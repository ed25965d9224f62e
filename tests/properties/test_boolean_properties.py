"""Laws of parsed Boolean functions: the truth table, the Verilog text and the expression mean the same."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from characterize.technology.boolean import parse_boolean

INPUTS = ("A1", "A2", "B", "C")
Expression = tuple[str, Callable[[dict[str, int]], int]]


def negate(inner: Expression) -> Expression:
    return f"!{inner[0]}", lambda values: 1 - inner[1](values)


def prime(inner: Expression) -> Expression:
    return f"({inner[0]})'", lambda values: 1 - inner[1](values)


def combine(left: Expression, symbol: str, right: Expression) -> Expression:
    rules: dict[str, Callable[[int, int], int]] = {
        "*": int.__and__,
        "&": int.__and__,
        " ": int.__and__,
        "+": int.__or__,
        "|": int.__or__,
        "^": int.__xor__,
    }
    rule = rules[symbol]
    return f"({left[0]} {symbol} {right[0]})", lambda values: rule(left[1](values), right[1](values))


def leaf(name: str) -> Expression:
    return name, lambda values: values.get(name, 0) if name in INPUTS else int(name)


EXPRESSIONS = st.recursive(
    st.sampled_from([*INPUTS, "0", "1"]).map(leaf),
    lambda inner: st.one_of(
        inner.map(negate),
        inner.map(prime),
        st.tuples(inner, st.sampled_from("*& +|^"), inner).map(lambda parts: combine(*parts)),
    ),
    max_leaves=12,
)


@given(EXPRESSIONS)
def test_truth_table_equals_evaluation(expression: Expression) -> None:
    text, meaning = expression
    function = parse_boolean(text, INPUTS)
    for row in range(1 << len(INPUTS)):
        assert function(row) == meaning({name: row >> i & 1 for i, name in enumerate(INPUTS)})


@given(EXPRESSIONS)
def test_the_verilog_text_parses_to_the_same_function(expression: Expression) -> None:
    function = parse_boolean(expression[0], INPUTS)
    text = function.verilog.replace("1'b", "")
    assert parse_boolean(text, INPUTS).truth_table == function.truth_table
