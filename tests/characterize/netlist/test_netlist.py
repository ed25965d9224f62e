import pytest

from characterize.netlist.netlist import Netlist, netlist_from_verilog
from characterize.technology.load import embedded_library
from hwsim.errors import InputError

INV, NAND, DFF = "INVx1_ASAP7_75t_R", "NAND2x1_ASAP7_75t_R", "DFFHQNx1_ASAP7_75t_R"


def module(body: str, ports: str = "input clk, input [1:0] a, output y") -> str:
    return f"module top({ports});\n{body}\nendmodule\n"


def read(body: str, ports: str = "input clk, input [1:0] a, output y") -> Netlist:
    return netlist_from_verilog(module(body, ports), embedded_library())


def test_buses_escaped_names_constants_and_assignments() -> None:
    netlist = read(
        rf"""
  wire \block.n1 ;
  wire q;
  {NAND} \block.g1 (.A(a[1]), .B(a[0]), .Y(\block.n1 ));
  {NAND} g2 (.A(\block.n1 ), .B(1'b1), .Y(q));
  assign y = q;
"""
    )
    assert netlist.ports["a"].nets == tuple(netlist.net_names.index(f"a[{bit}]") for bit in (0, 1))
    assert netlist.net_names[:2] == ("1'b0", "1'b1")
    first, second = netlist.cells
    assert (first.name, first.block, second.block) == ("block.g1", "block", "")
    assert second.pins["B"] == 1
    assert netlist.ports["y"].nets == (second.pins["Y"],)
    assert netlist.driver[second.pins["Y"]] == 1


def test_gates_are_ordered_after_their_drivers() -> None:
    netlist = read(
        f"""
  wire n1, n2, n3;
  {INV} g3 (.A(n2), .Y(n3));
  {INV} g2 (.A(n1), .Y(n2));
  {DFF} r (.CLK(clk), .D(n3), .QN(y));
  {NAND} g1 (.A(a[0]), .B(y), .Y(n1));
"""
    )
    assert [netlist.cells[i].name for i in netlist.combinational] == ["g1", "g2", "g3"]
    assert [netlist.cells[i].name for i in netlist.sequential] == ["r"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (f"{INV} g (.A(a[0]), .Y(y)); {INV} h (.A(a[1]), .Y(y));", "more than one driver"),
        (f"wire n; {INV} g (.A(n), .Y(y));", "net 'n' at 'g' has no driver"),
        (f"{NAND} g (.A(a[0]), .Y(y));", "input 'B' of 'g'"),
        (f"{INV} g (.X(a[0]), .Y(y));", "pin 'X'"),
        ("MYSTERYx1 g (.A(a[0]), .Y(y));", "cell 'MYSTERYx1' is not in the library"),
        (f"wire n; {NAND} g (.A(a[0]), .B(y), .Y(n)); {INV} h (.A(n), .Y(y));", "combinational loop"),
        ("assign y = a[0] & a[1];", "not structural"),
        ("assign y = ;", "not structural Verilog"),
        (f"{INV} g (a[0], y);", "by position"),
        ("", r"output 'y\[0\]' has no driver"),
    ],
)
def test_what_is_no_sound_netlist_is_refused_in_one_line(body: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read(body)
    assert "\n" not in str(caught.value)
