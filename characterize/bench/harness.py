"""The generated top module of the bench: every design under test side by side on the same inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from characterize.bench.job import TOP
from characterize.mac.integer_model import MacBehaviour


@dataclass(frozen=True)
class Design:
    """One design under test: its label, module, ports by role, and what to tie other inputs and parameters to.

    `ports`: role ("clk", "reset", "weight", "activation", "psum_in", "psum_out", "weight_load") to port name.
    `ties`: other input ports to a Verilog constant. `inverted`: roles whose port is active low.
    """

    label: str
    module: str
    ports: Mapping[str, str]
    ties: Mapping[str, str] = field(default_factory=dict)
    inverted: frozenset[str] = frozenset()
    parameters: Mapping[str, int | str] = field(default_factory=dict)


def driven_roles(designs: tuple[Design, ...]) -> tuple[str, ...]:
    """Return the input roles, clock apart, that at least one design has."""
    order = ("reset", "weight_load", "weight", "activation", "psum_in")
    return tuple(role for role in order if any(role in design.ports for design in designs))


def harness_verilog(behaviour: MacBehaviour, designs: tuple[Design, ...]) -> str:
    """Return the bench's top module; a design's output appears as psum_out_LABEL."""
    widths = {"weight": behaviour.weight_bits, "activation": behaviour.activation_bits, "psum_in": behaviour.psum_bits}
    inputs = ["clk", *driven_roles(designs)]
    ports = [f"  input {_range(widths.get(role, 1))}{role}" for role in inputs]
    ports += [f"  output {_range(behaviour.psum_bits)}psum_out_{design.label}" for design in designs]
    bodies = "\n".join(_instance(design) for design in designs)
    return (
        f"// Generated: the designs under test on common inputs.\nmodule {TOP} (\n"
        + ",\n".join(ports)
        + (f"\n);\n{bodies}\nendmodule\n")
    )


def _range(bits: int) -> str:
    return f"[{bits - 1}:0] " if bits > 1 else ""


def _instance(design: Design) -> str:
    parameters = ", ".join(f".{name}({value})" for name, value in design.parameters.items())
    pins = []
    for role, port in design.ports.items():
        source = f"psum_out_{design.label}" if role == "psum_out" else role
        pins.append(f".{_escaped(port)}({'~' if role in design.inverted else ''}{source})")
    pins += [f".{_escaped(port)}({constant})" for port, constant in design.ties.items()]
    head = f"  {design.module} " + (f"#({parameters}) " if parameters else "")
    return f"{head}{design.label} (\n    " + ",\n    ".join(pins) + "\n  );"


def _escaped(port: str) -> str:
    return port if port.replace("$", "_").isidentifier() else f"\\{port} "
