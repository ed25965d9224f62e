"""Windows: positions are those that a loop over the padded pixels finds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hwsim.workload.window import PerAxis, Window, both


def starts(window: Window) -> list[int]:
    """Return where a kernel may begin so that all its taps lie on the padded plane, found by trying."""
    padded = range(-window.padding, window.size + window.padding)
    taps = range(0, window.kernel * window.dilation, window.dilation)
    return [start for start in padded[:: window.stride] if all(start + tap in padded for tap in taps)]


@given(
    size=st.integers(1, 20), kernel=st.integers(1, 5), stride=st.integers(1, 4), padding=st.integers(0, 3),
    dilation=st.integers(1, 3),
)  # fmt: skip
def test_positions_are_counted(size: int, kernel: int, stride: int, padding: int, dilation: int) -> None:
    window = Window(size, kernel, stride, padding, dilation)
    found = starts(window)
    assert max(window.positions, 0) == len(found)
    if found:
        following = found[-1] + stride
        # a pixel of the padded plane is left over, and the next window does not begin in the padding behind it
        begins = found[-1] + window.reach < size + padding and following < size
        assert window.positions_begun == len(found) + begins


def test_one_figure_or_two() -> None:
    assert both(3) == PerAxis(3, 3)
    assert both((1, 2)).horizontal == 2
