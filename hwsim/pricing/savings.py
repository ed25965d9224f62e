"""What one figure saves against another: the one formula behind every percentage saved."""

from __future__ import annotations


def saved_pct(reference: float, value: float) -> float:
    """Return how much less `value` is than `reference`, in percent of `reference`; below 0 where it is more.

    Of a reference that is 0 nothing can be saved: 0.
    """
    return 100.0 * (1.0 - value / reference) if reference else 0.0
