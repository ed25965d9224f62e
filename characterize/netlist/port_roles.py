"""Which port of a user's MAC plays which role: named by options, else by the names that designers give them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from characterize.mac.interface import Role
from characterize.netlist.netlist import Netlist
from hwsim.errors import InputError, unknown_name

_ALIASES: dict[Role, tuple[str, ...]] = {
    Role.CLOCK: ("clk", "clock", "clk_i", "i_clk", "aclk"),
    Role.RESET: ("reset", "rst", "rst_n", "rst_ni", "reset_n", "resetn", "rstn", "arst_n", "aresetn", "nreset"),
    Role.WEIGHT: ("weight", "w", "wt", "filter", "weight_in", "w_in", "weight_i", "i_weight"),
    Role.ACTIVATION: ("activation", "act", "x", "ifmap", "activation_in", "act_in", "a_in", "act_i", "i_act"),
    Role.PSUM_IN: ("psum_in", "acc_in", "psum_i", "i_psum", "sum_in", "partial_in"),
    Role.PSUM_OUT: (
        "psum_out",
        "psum",
        "acc",
        "acc_out",
        "accumulator",
        "sum_out",
        "psum_o",
        "o_psum",
        "result",
        "out",
    ),
    Role.WEIGHT_LOAD: ("weight_load", "load_weight", "w_load", "load_w", "weight_en", "weight_valid"),
    Role.ENABLE: ("enable", "en", "ce", "valid", "valid_in", "clk_en"),
    Role.CLEAR: ("clear", "clr", "flush", "acc_clear", "clear_acc"),
}
_SINGLE_BIT = (Role.CLOCK, Role.RESET, Role.WEIGHT_LOAD, Role.ENABLE, Role.CLEAR)
_NEEDED = (Role.CLOCK, Role.WEIGHT, Role.ACTIVATION, Role.PSUM_OUT)


def assign_roles(netlist: Netlist, named: Mapping[str, str]) -> dict[Role, str]:
    """Return the port of each role that the module has.

    `named`: ROLE=NAME pairs of the user (role values to port names); they win over usual names. Raises InputError for
    unknown roles or ports, a role without a port, an input without a role, and widths that do not fit.
    """
    roles = {role.value: role for role in Role}
    ports: dict[Role, str] = {}
    for role_name, port in named.items():
        if role_name not in roles:
            raise unknown_name("--port role", role_name, roles)
        if port not in netlist.ports:
            raise unknown_name(f"--port {role_name}", port, netlist.ports)
        ports[roles[role_name]] = port
    if len(set(ports.values())) < len(ports):
        twice = next(port for port in ports.values() if list(ports.values()).count(port) > 1)
        raise InputError(f"--port: '{twice}' plays two roles; a port plays one")
    by_lower = {name.lower(): name for name in netlist.ports}
    for role, aliases in _ALIASES.items():
        is_input = role is not Role.PSUM_OUT
        free = (by_lower[a] for a in aliases if a in by_lower and by_lower[a] not in ports.values())
        found = next((name for name in free if netlist.ports[name].is_input == is_input), None)
        if role not in ports and found is not None:
            ports[role] = found
    _check_complete(netlist, ports)
    _check_widths(netlist, ports)
    return {role: ports[role] for role in Role if role in ports}


def _check_complete(netlist: Netlist, ports: Mapping[Role, str]) -> None:
    for role in _NEEDED:
        if role not in ports:
            wanted = role is not Role.PSUM_OUT
            free = [p.name for p in netlist.ports.values() if p.is_input == wanted and p.name not in ports.values()]
            raise InputError(
                f"module '{netlist.name}': no port is known as {role.value}; name it with --port {role.value}=NAME"
                f" (free {'inputs' if wanted else 'outputs'}: {_listed(free)})"
            )
    for port in netlist.ports.values():
        played = next((role for role, name in ports.items() if name == port.name), None)
        if played is None and port.is_input:
            raise InputError(
                f"module '{netlist.name}': input '{port.name}' plays no known role; name it with --port"
                f" ROLE={port.name} (roles: {_listed(role.value for role in Role)}) or tie it off in the RTL"
            )
        if played is not None and port.is_input == (played is Role.PSUM_OUT):
            raise InputError(
                f"--port {played.value}={port.name}: the port is an {'input' if port.is_input else 'output'}"
            )


def _check_widths(netlist: Netlist, ports: Mapping[Role, str]) -> None:
    bits = {role: len(netlist.ports[name].nets) for role, name in ports.items()}
    for role in _SINGLE_BIT:
        if bits.get(role, 1) != 1:
            raise InputError(
                f"module '{netlist.name}': {role.value} '{ports[role]}' has {bits[role]} bits, must have 1"
            )
    for role in (Role.WEIGHT, Role.ACTIVATION):
        if not 2 <= bits[role] <= 16:
            raise InputError(
                f"module '{netlist.name}': {role.value} '{ports[role]}' has {bits[role]} bits; 2 to 16 are supported"
            )
    product = bits[Role.WEIGHT] + bits[Role.ACTIVATION]
    if not product <= bits[Role.PSUM_OUT] <= 48:
        raise InputError(
            f"module '{netlist.name}': psum_out '{ports[Role.PSUM_OUT]}' has {bits[Role.PSUM_OUT]} bits; a product of"
            f" {bits[Role.WEIGHT]} x {bits[Role.ACTIVATION]} bits needs {product} (at most 48 are supported)"
        )
    if bits.get(Role.PSUM_IN, bits[Role.PSUM_OUT]) != bits[Role.PSUM_OUT]:
        raise InputError(
            f"module '{netlist.name}': psum_in '{ports[Role.PSUM_IN]}' has {bits[Role.PSUM_IN]} bits but psum_out"
            f" '{ports[Role.PSUM_OUT]}' {bits[Role.PSUM_OUT]}; they must be equal"
        )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
