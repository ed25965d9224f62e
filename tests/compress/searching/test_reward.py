import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from compress.searching.reward import RewardTable, formula_table, load_reward, parse_reward, reward_formula
from hwsim.errors import InputError


def test_the_shipped_table_is_the_formula() -> None:
    shipped, formula = load_reward(), formula_table()
    assert shipped.rewards.shape == (40, 40)
    np.testing.assert_array_equal(shipped.rewards, formula.rewards)
    np.testing.assert_array_equal(shipped.loss_edges_pct, formula.loss_edges_pct)
    np.testing.assert_array_equal(shipped.gain_edges_pct, formula.gain_edges_pct)


def test_what_the_paper_says_about_the_reward() -> None:
    """Section 4.2.3: much higher below 10 % loss, slightly negative where nothing was risked or won."""
    table = load_reward()
    assert -0.1 < table.lookup(0.0, 0.0) < 0.0
    assert -0.1 < table.lookup(4.9, 4.9) < 0.0
    below = table.rewards[2:, :20]
    beyond = table.rewards[2:, 20:]
    assert below.min() > beyond.max() or below.mean() > beyond.mean() + 0.3
    assert table.lookup(1.0, 30.0) > table.lookup(5.0, 60.0)  # small losses are favoured heavily
    assert table.lookup(60.0, 95.0) < table.lookup(0.0, 0.0)


def test_more_gain_and_less_loss_never_pay_less_where_something_is_gained() -> None:
    rewards = load_reward().rewards[2:]
    assert (np.diff(rewards, axis=0) >= 0).all()
    assert (np.diff(rewards, axis=1) <= 0).all()


@pytest.mark.parametrize(
    ("loss", "gain", "row", "column"),
    [
        (-3.0, -5.0, 0, 0),
        (0.0, 0.0, 0, 0),
        (0.5, 2.5, 1, 1),
        (9.99, 50.0, 20, 19),
        (10.0, 99.9, 39, 20),
        (150, 150, 39, 39),
    ],
)
def test_lookup_takes_the_bin_whose_lower_edge_is_reached(loss: float, gain: float, row: int, column: int) -> None:
    rewards = np.arange(1600, dtype=float).reshape(40, 40)
    formula = formula_table()
    table = RewardTable(formula.loss_edges_pct, formula.gain_edges_pct, rewards)
    assert table.lookup(loss, gain) == rewards[row, column]


def test_a_table_survives_its_csv() -> None:
    table = formula_table(5.0)
    again = parse_reward(table.as_csv(), "x")
    np.testing.assert_allclose(again.rewards, table.rewards, atol=1e-6)


def test_a_larger_budget_forgives_more() -> None:
    assert reward_formula(np.array(4.0), np.array(50.0), 5.0) > reward_formula(np.array(4.0), np.array(50.0), 2.0)
    assert load_reward(None, 5.0).lookup(4.0, 50.0) > load_reward().lookup(4.0, 50.0)


def _edited(edit: str) -> str:
    lines = formula_table().as_csv().splitlines()
    if edit == "rows":
        lines.pop()
    elif edit == "columns":
        lines = [line.rsplit(",", 1)[0] for line in lines]
    elif edit == "ragged":
        lines[3] = lines[3].rsplit(",", 1)[0]
    elif edit == "text":
        lines[3] = lines[3].rsplit(",", 1)[0] + ",much"
    elif edit == "nan":
        lines[3] = lines[3].rsplit(",", 1)[0] + ",nan"
    elif edit == "order":
        lines[3], lines[4] = lines[4], lines[3]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        ("rows", "39 x 40"),
        ("columns", "40 x 39"),
        ("ragged", "40 x 39/40"),
        ("text", "must be a number"),
        ("nan", "not finite"),
        ("order", "ascend"),
    ],
)
def test_a_wrong_table_is_one_line(tmp_path: Path, edit: str, says: str) -> None:
    path = tmp_path / "reward.csv"
    path.write_text(_edited(edit))
    with pytest.raises(InputError, match=says) as caught:
        load_reward(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_an_absent_table_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--reward"):
        load_reward(tmp_path / "absent.csv")


def test_the_command_writes_a_table_that_loads_and_a_plot(tmp_path: Path) -> None:
    csv_file, plot = tmp_path / "r.csv", tmp_path / "r.svg"
    command = [sys.executable, "-m", "compress", "reward", "--csv", str(csv_file), "--plot", str(plot)]
    subprocess.run(command, check=True, capture_output=True)
    np.testing.assert_array_equal(load_reward(csv_file).rewards, formula_table().rewards)
    assert "<svg" in plot.read_text()
