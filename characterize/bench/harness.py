"""The generated top module of the bench: every design under test side by side on the same inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from characterize.bench.job import TOP
from characterize.mac.integer_model import MacBehaviour
from characterize.mac.interface import Role
from characterize.netlist.parser import verilog_name


@dataclass(frozen=True)
class DesignUnderTest:
    """One design under test: its label, module, ports by role, and what to tie other inputs and parameters to.

    `ports`: role to port name.
    `ties`: other input ports to a Verilog constant. `inverted`: roles whose port is active low.
    """

    label: str
    module: str
    ports: Mapping[Role, str]
    ties: Mapping[str, str] = field(default_factory=dict)
    inverted: frozenset[Role] = frozenset()
    parameters: Mapping[str, int | str] = field(default_factory=dict)


def driven_roles(designs: tuple[DesignUnderTest, ...]) -> tuple[Role, ...]:
    """Return the input roles, clock apart, that at least one design has."""
    order = (Role.RESET, Role.WEIGHT_LOAD, Role.WEIGHT, Role.ACTIVATION, Role.PSUM_IN)
    return tuple(role for role in order if any(role in design.ports for design in designs))


def harness_verilog(behaviour: MacBehaviour, designs: tuple[DesignUnderTest, ...]) -> str:
    """Return the bench's top module; a design's output appears as psum_out_LABEL."""
    inputs = [Role.CLOCK, *driven_roles(designs)]
    ports = [f"  input {_range(behaviour.input_bits(role))}{role.value}" for role in inputs]
    ports += [f"  output {_range(behaviour.psum_bits)}psum_out_{design.label}" for design in designs]
    bodies = "\n".join(_instance(design) for design in designs)
    return (
        f"// Generated: the designs under test on common inputs.\nmodule {TOP} (\n"
        + ",\n".join(ports)
        + (f"\n);\n{bodies}\nendmodule\n")
    )


def _range(bits: int) -> str:
    return f"[{bits - 1}:0] " if bits > 1 else ""


def _instance(design: DesignUnderTest) -> str:
    parameters = ", ".join(f".{name}({value})" for name, value in design.parameters.items())
    pins = []
    for role, port in design.ports.items():
        source = f"psum_out_{design.label}" if role is Role.PSUM_OUT else role.value
        pins.append(f".{verilog_name(port)}({'~' if role in design.inverted else ''}{source})")
    pins += [f".{verilog_name(port)}({constant})" for port, constant in design.ties.items()]
    head = f"  {design.module} " + (f"#({parameters}) " if parameters else "")
    return f"{head}{design.label} (\n    " + ",\n    ".join(pins) + "\n  );"
