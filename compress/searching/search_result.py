"""A finished search: its result, its front, and the folder they lie in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from compress.policy import Policy
from compress.searching.problem import Candidate
from compress.searching.result_files import ArchiveFile, BestPolicy, Result, read_archive, read_result


@dataclass(frozen=True, eq=False)
class SearchResult:
    """What a search found. `folder` holds its files, None where they were not kept."""

    result: Result
    archive: ArchiveFile
    folder: Path | None = None

    @property
    def best(self) -> BestPolicy:
        """The chosen policy and its figures on the test set."""
        return self.result.best

    @property
    def front(self) -> tuple[Candidate, ...]:
        """The policies that no other beats in both loss and cost, on the validation images; the smallest loss first."""
        return self.archive.front

    def policy(self, candidate: Candidate) -> Policy:
        """Return the policy of a candidate of the front, with the measurement that it was found by."""
        return Policy(self.archive.policy(candidate).layers, self.best.measured_with)

    @property
    def label(self) -> str:
        """Method and network."""
        return f"{self.result.method}, {self.result.model}"

    @property
    def name(self) -> str:
        """The name of the folder, the label where there is none."""
        return self.label if self.folder is None else self.folder.name or str(self.folder)

    @cached_property
    def _frame(self) -> pd.DataFrame:
        rows = [
            {
                "loss_pct": candidate.loss_pct,
                "gain_pct": candidate.gain_pct,
                **dict(candidate.measurement.figures),
                "reward": candidate.reward,
                "episode": candidate.episode,
            }
            for candidate in self.front
        ]
        return pd.DataFrame(rows)

    def to_frame(self) -> pd.DataFrame:
        """Return the front: one row a policy, losses and gains in percent against the dense 8-bit network."""
        return self._frame.copy()

    def to_json(self, path: str | Path | None = None) -> str:
        """Return the text of result.json; with a path, also write it there."""
        return self.result.to_json(path)

    def __repr__(self) -> str:
        """Say in a line what was found."""
        best = self.best
        return (
            f"SearchResult({self.label}: saves {best.energy_reduction_pct:.1f} % energy for"
            f" {best.accuracy_loss_pct:.2f} points, {len(self.front)} policies on the front)"
        )

    def _repr_html_(self) -> str:
        from html import escape

        table = self._frame.to_html(index=False, float_format="{:.4g}".format)
        return f"<p>{escape(repr(self))}</p>{table}"


def read_search(folder: str | Path) -> SearchResult:
    """Return a finished search; raises InputError where the folder holds none."""
    folder = Path(folder)
    return SearchResult(read_result(folder), read_archive(folder), folder)
