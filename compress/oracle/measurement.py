"""One network on the tile, measured: the one record of accuracy, energy, latency, size and work."""

from __future__ import annotations

from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from compress.vocabulary import Metric
from hwsim.pricing.savings import saved_pct


class Priced(Protocol):
    """What one inference costs, without a look at an image."""

    @property
    def energy_pj(self) -> float:
        """Energy of one inference."""

    @property
    def latency_ms(self) -> float:
        """Time of one inference."""


class Measurement(BaseModel):
    """Accuracy and cost of one network, possibly partly compressed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    accuracy_pct: float = Field(description="Top-1 accuracy.")
    energy_pj: float = Field(description="Energy of one inference.")
    latency_ms: float = Field(description="Time of one inference.")
    size_bytes: int = Field(description="Weights that are left at their bits, and what each output channel stores.")
    macs: int = Field(description="Multiply-accumulates of one inference.")

    def lost_pct(self, reference: Measurement) -> float:
        """Return the points of accuracy that this network has less than the reference."""
        return reference.accuracy_pct - self.accuracy_pct

    def saved_pct(self, reference: Measurement, metric: Metric = Metric.ENERGY) -> float:
        """Return how much less of a metric this network costs than the reference, in percent."""
        return saved_pct(metric_value(reference, metric), metric_value(self, metric))


class Observation(Measurement):
    """A measurement as a search takes it: with what says more than accuracy on few images."""

    distortion: float = Field(
        description="How far the logits are from the dense 8-bit network's: at least 0, in no unit; 0 for that itself."
    )

    @property
    def figures(self) -> Measurement:
        """The measurement alone, as files hold it."""
        return Measurement(**{name: getattr(self, name) for name in Measurement.model_fields})


def metric_value(priced: Priced, metric: Metric) -> float:
    """Return pJ, ms, or pJ * ms, whichever the metric names."""
    if metric is Metric.ENERGY:
        return priced.energy_pj
    if metric is Metric.LATENCY:
        return priced.latency_ms
    return priced.energy_pj * priced.latency_ms
