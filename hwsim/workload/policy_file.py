"""policy.json as both packages read it."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import ConfigDict

from hwsim.files.document import Document


class PolicyFile(Document):
    """policy.json: what is done to each layer, and beside it the measurement that the policy was found by.

    What a layer's table may hold is known where it is read: `hwsim.workload.policy`, `compress.policy`; which settings
    may stand beside: `compress.oracle.spec`.
    """

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True, allow_inf_nan=False)

    KIND: ClassVar[str] = "a policy as `compress search` writes it (policy.json)"
    UNNUMBERED: ClassVar[bool] = True  # people write policies by hand

    layers: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Return the content of the file, the layers last."""
        content = super().as_json()
        return {**content, "layers": content.pop("layers")}
