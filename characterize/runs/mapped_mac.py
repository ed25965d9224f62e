"""The design of a run, ready to simulate: synthesized, read back, lowered, with its ports driven."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from characterize.bench.verification import MacUnit
from characterize.energy.measurement import StreamSimulator
from characterize.gates.cones import gate_groups
from characterize.gates.lowering import LoweredNetlist, collect, lower
from characterize.gates.simulation import TimedSimulator, ZeroDelaySimulator
from characterize.mac.interface import MacInterface, Role
from characterize.netlist.check import check_netlist
from characterize.netlist.interface_discovery import discover_interface
from characterize.netlist.netlist import Netlist, netlist_from_verilog
from characterize.spec import ActivityKind
from characterize.streams.port_drive import PortDrive
from characterize.synthesis.yosys import Design, Synthesis, synthesize
from characterize.technology.cell_library import CellLibrary
from hwsim.errors import InputError


@dataclass(frozen=True, eq=False)
class MappedMac:
    """A MAC mapped to cells: its sources, netlist, interface, and the arrays that the simulators read."""

    design: Design
    interface: MacInterface
    synthesis: Synthesis
    netlist: Netlist
    lowered: LoweredNetlist
    drive: PortDrive

    def unit(self, wraps: bool) -> MacUnit:
        """Return RTL and netlist as the bench drives them; `wraps` as in MacUnit."""
        return MacUnit(self.design, self.interface, self.netlist, self.synthesis.verilog, wraps)

    def simulator(self, kind: ActivityKind) -> StreamSimulator:
        """Return the compiled simulator of a kind."""
        if kind is ActivityKind.TIMED:
            return TimedSimulator(self.lowered, self.drive)
        return ZeroDelaySimulator(self.lowered, self.drive)


def map_mac(
    design: Design,
    interface: MacInterface | Mapping[str, str],
    library: CellLibrary,
    period_ps: float,
    wire_load_ff: float = 0.0,
) -> MappedMac:
    """Synthesize a MAC, check and lower its netlist.

    Raises InputError for what the tools or the library refuse, RunError, with a counterexample, for a netlist that does
    not compute what the interface says.
    A user's own MAC comes with the roles of ports that the user named instead of an interface: the rest is discovered.
    `wire_load_ff` is added for each pin on a net.
    """
    synthesis = synthesize(design, library, period_ps)
    netlist = netlist_from_verilog(synthesis.verilog, library)
    if isinstance(interface, MacInterface):
        check_netlist(netlist, interface)
    else:  # what is discovered has been compared with the netlist
        interface = discover_interface(netlist, interface)
    return MappedMac(design, interface, synthesis, netlist, *lower_mac(netlist, interface, period_ps, wire_load_ff))


def lower_mac(
    netlist: Netlist, interface: MacInterface, period_ps: float, wire_load_ff: float = 0.0
) -> tuple[LoweredNetlist, PortDrive]:
    """Lower the netlist of a MAC and say how streams reach its ports."""
    ports = interface.ports
    gates, registers = collect(netlist)
    if not registers:
        raise InputError(f"module '{netlist.name}' has no register; characterize a MAC with a clocked output")
    psum = netlist.ports[ports[Role.PSUM_IN]].nets if Role.PSUM_IN in ports else ()
    groups = gate_groups(
        gates, registers, netlist.ports[ports[Role.WEIGHT]].nets, netlist.ports[ports[Role.ACTIVATION]].nets, psum
    )
    lowered = lower(netlist, ports[Role.CLOCK], groups, period_ps, wire_load_ff)
    drive = PortDrive(
        widths={name: len(nets) for name, nets in lowered.input_nets.items()},
        weight=ports[Role.WEIGHT],
        activation=ports[Role.ACTIVATION],
        psum_in=ports.get(Role.PSUM_IN),
        weight_load=ports.get(Role.WEIGHT_LOAD),
        reset=ports.get(Role.RESET),
        reset_active=int(interface.reset_active_high),
        psum_lag=max(0, interface.activation_delay - interface.psum_delay),
        constants=interface.constants,
    )
    unknown = set(drive.widths) - set(ports.values())
    if unknown:
        raise InputError(
            f"module '{netlist.name}': input port '{sorted(unknown)[0]}' plays no known role; name it with"
            " --port ROLE=NAME or tie it off in the RTL"
        )
    return lowered, drive
