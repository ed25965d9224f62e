"""MACs written by somebody else: roles by name or option, signs and latencies found, unclear ones refused."""

from pathlib import Path

import pytest

from characterize.mac.interface import MacInterface, Role
from characterize.netlist.interface_discovery import discover_interface
from characterize.netlist.netlist import netlist_from_verilog
from characterize.synthesis.multipliers import mac_design
from characterize.synthesis.yosys import Design, synthesize
from characterize.technology.load import embedded_library
from hwsim.errors import InputError


def discover(tmp_path: Path, text: str, **named: str) -> MacInterface:
    file = tmp_path / "mine.v"
    file.write_text(text)
    library = embedded_library()
    synthesis = synthesize(Design((file,), "mine", {}), library, 1000.0)
    return discover_interface(netlist_from_verilog(synthesis.verilog, library), named)


@pytest.mark.parametrize("multiplier", ["wallace", "booth-activation-unsigned"])
def test_own_mac_is_found_to_be_what_it_says(multiplier: str) -> None:
    design, interface = mac_design(multiplier, psum_bits=24)
    library = embedded_library()
    netlist = netlist_from_verilog(synthesize(design, library, 1000.0).verilog, library)
    assert discover_interface(netlist, {}) == interface


def test_accumulator_with_reset_active_low(tmp_path: Path) -> None:
    found = discover(
        tmp_path,
        """
module mine(input clk, input rst_n, input signed [5:0] w, input [4:0] x, output reg signed [19:0] acc);
  always @(posedge clk or negedge rst_n)
    if (!rst_n) acc <= 0;
    else acc <= acc + w * $signed({1'b0, x});
endmodule
""",
    )
    assert (found.weight_signed, found.activation_signed, found.accumulates) == (True, False, True)
    assert (found.weight_delay, found.activation_delay, found.reset_active_high) == (0, 0, False)
    assert (found.weight_bits, found.activation_bits, found.psum_bits) == (6, 5, 20)


def test_pipelined_mac_with_enable_and_clear_and_odd_names(tmp_path: Path) -> None:
    found = discover(
        tmp_path,
        """
module mine(input clock, input stall, input zap, input signed [3:0] p, input signed [4:0] q, output signed [15:0] z);
  reg signed [3:0] p0, p1; reg signed [4:0] q0; reg signed [8:0] m; reg signed [15:0] s;
  always @(posedge clock) if (!stall) begin
    p0 <= p; p1 <= p0; q0 <= q; m <= p1 * q0; s <= zap ? 0 : s + m;
  end
  assign z = s;
endmodule
""",
        weight="p",
        activation="q",
        psum_out="z",
        enable="stall",
        clear="zap",
    )
    assert (found.weight_delay, found.activation_delay, found.accumulates) == (3, 2, True)
    assert found.constants == {"stall": 0, "zap": 0}
    assert found.ports[Role.CLOCK] == "clock"


def test_chained_mac_with_delayed_psum(tmp_path: Path) -> None:
    found = discover(
        tmp_path,
        """
module mine(input clk, input reset, input [3:0] weight, input [3:0] act, input [11:0] psum_in, output reg [11:0] out);
  reg [11:0] d; reg [7:0] m;
  always @(posedge clk) if (reset) begin d <= 0; m <= 0; out <= 0; end
  else begin d <= psum_in; m <= weight * act; out <= d + m; end
endmodule
""",
    )
    assert (found.weight_signed, found.activation_signed) == (False, False)
    assert (found.weight_delay, found.activation_delay, found.psum_delay) == (1, 1, 1)
    assert found.reset_active_high


PORTS = "input clk, input signed [3:0] weight, input signed [3:0] activation"


@pytest.mark.parametrize(
    ("text", "named", "message"),
    [
        (
            f"module mine({PORTS}, output reg [11:0] psum_out);"
            " always @(posedge clk) psum_out <= psum_out + weight + activation; endmodule",
            {},
            "is not itself \\+ weight \\* activation for any signs",
        ),
        (
            "module mine(input clk, input [3:0] left, input [3:0] activation, output reg [11:0] psum_out);"
            " always @(posedge clk) psum_out <= psum_out + left * activation; endmodule",
            {},
            r"no port is known as weight; name it with --port weight=NAME \(free inputs: left\)",
        ),
        (
            f"module mine({PORTS}, input mode, output reg [11:0] psum_out);"
            " always @(posedge clk) psum_out <= mode ? psum_out : psum_out + weight * activation; endmodule",
            {},
            "input 'mode' plays no known role",
        ),
        (
            f"module mine({PORTS}, output reg [5:0] psum_out);"
            " always @(posedge clk) psum_out <= psum_out + weight * activation; endmodule",
            {},
            "psum_out 'psum_out' has 6 bits; a product of 4 x 4 bits needs 8",
        ),
        (
            f"module mine({PORTS}, input [8:0] psum_in, output reg [11:0] psum_out);"
            " always @(posedge clk) psum_out <= psum_in + weight * activation; endmodule",
            {},
            "psum_in 'psum_in' has 9 bits but psum_out",
        ),
        (
            f"module mine({PORTS}, output reg [11:0] psum_out);"
            " always @(negedge clk) psum_out <= psum_out + weight * activation; endmodule",
            {},
            "not by 'clk'",
        ),
        (
            f"module mine({PORTS}, output [11:0] psum_out); assign psum_out = weight * activation; endmodule",
            {},
            "has no register",
        ),
        (
            f"module mine({PORTS}, output reg [11:0] psum_out);"
            " always @(posedge clk) psum_out <= psum_out + weight * activation; endmodule",
            {"wieght": "weight"},
            "unknown --port role 'wieght': did you mean weight",
        ),
        (
            f"module mine({PORTS}, output reg [11:0] psum_out);"
            " always @(posedge clk) psum_out <= psum_out + weight * activation; endmodule",
            {"weight": "weihgt"},
            "unknown --port weight 'weihgt': did you mean weight",
        ),
    ],
)
def test_unclear_macs_are_refused_in_one_line(tmp_path: Path, text: str, named: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        discover(tmp_path, text, **named)
    assert "\n" not in str(caught.value)


def test_parameters_reach_the_users_module(tmp_path: Path) -> None:
    file = tmp_path / "mine.v"
    file.write_text(
        "module mine #(parameter W = 4) (input clk, input signed [W-1:0] weight, input signed [W-1:0] activation,"
        " output reg signed [19:0] psum_out);"
        " always @(posedge clk) psum_out <= psum_out + weight * activation; endmodule"
    )
    library = embedded_library()
    parameters = {"W": 6}
    netlist = netlist_from_verilog(synthesize(Design((file,), "mine", parameters), library, 1000.0).verilog, library)
    assert discover_interface(netlist, {}).weight_bits == 6


def test_implicit_nets_and_initial_values_are_legal_verilog(tmp_path: Path) -> None:
    file = tmp_path / "mine.v"
    file.write_text(
        "module flip(input a, output y); assign y = ~a; endmodule\n"
        "module mine(input clk, input rst, input signed [3:0] weight, input signed [3:0] activation,"
        " output reg signed [11:0] psum_out = 7);\n"
        "flip f(.a(rst), .y(go));\n"
        "always @(posedge clk) if (!go) psum_out <= 0; else psum_out <= psum_out + weight * activation;\nendmodule\n"
    )
    library = embedded_library()
    synthesis = synthesize(Design((file,), "mine", {}), library, 1000.0)
    assert any("'go' is declared implicitly" in note for note in synthesis.notes)
    assert discover_interface(netlist_from_verilog(synthesis.verilog, library), {}).reset_active_high


def test_a_saturating_mac_is_a_mac(tmp_path: Path) -> None:
    found = discover(
        tmp_path,
        """
module mine(input clk, input signed [3:0] weight, input signed [3:0] activation, input signed [11:0] psum_in,
            output reg signed [11:0] psum_out);
  wire signed [12:0] sum = psum_in + weight * activation;
  always @(posedge clk) psum_out <= sum > 2047 ? 2047 : sum < -2048 ? -2048 : sum;
endmodule
""",
    )
    assert (found.weight_delay, found.psum_delay, found.accumulates) == (0, 0, False)
