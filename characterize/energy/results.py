"""From measurements to the figures of the table: R_Q, P_FG, zero operands, for every accounting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from characterize.energy.measurement import Case, Measurement
from characterize.energy.statistics import Estimate, batch_estimate
from characterize.spec import MAX_BITS, Accounting, Dataflow
from characterize.streams.stimulus import Pruned
from hwsim.vocabulary import Precision

REFERENCE = Case(MAX_BITS, MAX_BITS)


def cases_for(pairs: Sequence[Precision], dataflow: Dataflow) -> list[Case]:
    """Return every case that a table over `pairs` needs: the pairs, zero weights and zero activations.

    Zero operands are measured at equal precision of both operands, as a layer uses them.
    """
    weight_bits = sorted({w for w, _ in pairs})
    activation_bits = sorted({a for _, a in pairs})
    zero_weight = Pruned.WEIGHT if dataflow is Dataflow.WEIGHT_STATIONARY else Pruned.HALF_WEIGHTS
    cases = {Case(w, a) for w, a in pairs}
    cases |= {Case(a, a, zero_weight) for a in activation_bits} | {Case(a, a) for a in activation_bits}
    cases |= {Case(w, w, Pruned.ACTIVATION) for w in weight_bits}
    return sorted(cases, key=lambda case: (case.pruned.value, -case.weight_bits, -case.activation_bits))


@dataclass(frozen=True)
class EnergyResults:
    """The figures of one accounting; tables by weight bits, then activation bits, energies in fJ per MAC."""

    energy_fj: dict[int, dict[int, float]]
    ci95_rel: dict[int, dict[int, float]]
    r_q: dict[int, dict[int, float]]
    zero_weight_fj: dict[int, float]
    zero_activation_fj: dict[int, float]
    p_fg: float
    p_fg_ci95_rel: float

    def as_json(self) -> dict[str, Any]:
        """Return the figures under the names of the table's schema."""
        return dict(self.__dict__)


def energy_results(
    measured: Mapping[Case, Measurement], pairs: Sequence[Precision], dataflow: Dataflow, accounting: Accounting
) -> EnergyResults:
    """Compute the figures of one accounting.

    R_Q is energy relative to 8/8 (eq. 6), P_FG the energy of a zero weight relative to 8/8 (eq. 7). Where weights
    stream, a zero weight is measured among others: half of the weights are zeroed, and the energy of the zeros is
    what is left after the other half is paid for. Source: Balaskas et al., section 4.3.
    """
    energy: dict[int, dict[int, float]] = {}
    ci: dict[int, dict[int, float]] = {}
    for w, a in pairs:
        estimate = measured[Case(w, a)].energy(accounting)
        energy.setdefault(w, {})[a] = estimate.mean
        ci.setdefault(w, {})[a] = estimate.ci95_rel
    reference = energy[MAX_BITS][MAX_BITS]
    zero_weight = {a: _zero_weight(measured, a, dataflow, accounting) for a in sorted({a for _, a in pairs})}
    zero_activation = {
        w: measured[Case(w, w, Pruned.ACTIVATION)].energy(accounting).mean for w in sorted({w for w, _ in pairs})
    }
    return EnergyResults(
        energy_fj=energy,
        ci95_rel=ci,
        r_q={w: {a: value / reference for a, value in row.items()} for w, row in energy.items()},
        zero_weight_fj={a: estimate.mean for a, estimate in zero_weight.items()},
        zero_activation_fj=zero_activation,
        p_fg=zero_weight[MAX_BITS].mean / reference,
        p_fg_ci95_rel=zero_weight[MAX_BITS].ci95_rel,
    )


def _zero_weight(
    measured: Mapping[Case, Measurement], bits: int, dataflow: Dataflow, accounting: Accounting
) -> Estimate:
    if dataflow is Dataflow.WEIGHT_STATIONARY:
        return measured[Case(bits, bits, Pruned.WEIGHT)].energy(accounting)
    dense = measured[Case(bits, bits)].batch_energy_fj(accounting)
    half = measured[Case(bits, bits, Pruned.HALF_WEIGHTS)].batch_energy_fj(accounting)
    paired = min(dense.size, half.size)  # the same streams, so batch by batch
    return batch_estimate(2 * half[:paired] - dense[:paired])
