"""run.json: what a folder's search was asked to do."""

from __future__ import annotations

from typing import Any, ClassVar

from compress.searching.spec import SearchSpec
from hwsim.files.document import Document

_FLAT = ("reward_mode", "rates", "nsga2_objectives", "joint_cost")
"""Options of single methods, which schema 1 held among the search's for every method."""
_OWN = {"composite": ("reward_mode", "rates"), "nsga2": ("nsga2_objectives",), "joint": ("joint_cost",)}


class RunFile(Document):
    """The settings of a search, as `compress search --resume` and `compress sweep` read them."""

    KIND: ClassVar[str] = "the run.json of a search"
    SCHEMA: ClassVar[int] = 2

    search: dict[str, Any]

    @classmethod
    def of(cls, spec: SearchSpec) -> RunFile:
        """Return the file of a spec."""
        return cls(search=spec.as_json())

    def spec(self, source: str) -> SearchSpec:
        """Return the spec; `source` names the file in errors."""
        SearchSpec.check_names(self.search, source)
        return SearchSpec.of(self.search, source)

    @classmethod
    def upgraded(cls, content: dict[str, Any], schema: int) -> dict[str, Any]:
        """Return schema 1 as today's: options of single methods apart, None where no refinement was asked for."""
        if not isinstance(content.get("search"), dict):
            return content  # refused as the field `search` is
        search = dict(content["search"])
        flat = {name: search.pop(name) for name in _FLAT if name in search}
        own = _OWN.get(str(search.get("method", "composite")), ())
        search["method_options"] = {name: value for name, value in flat.items() if name in own}
        if search.get("refine") == -1:
            search["refine"] = None
        return {**content, "search": search}
