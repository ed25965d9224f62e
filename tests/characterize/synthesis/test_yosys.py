"""Synthesis: what it gives, that it repeats, and one clear line for RTL that cannot be built."""

from pathlib import Path

import pytest

from characterize.netlist.netlist import netlist_from_verilog
from characterize.synthesis.multipliers import mac_design
from characterize.synthesis.yosys import Design, Synthesis, synthesize
from characterize.technology.load import embedded_library
from hwsim.errors import InputError

HEAD = "module mac(input clk, input en, input [7:0] weight, input [7:0] activation, output reg [31:0] psum_out);\n"


def build(tmp_path: Path, body: str, top: str = "mac", parameters: dict[str, int] | None = None) -> Synthesis:
    file = tmp_path / "mine.v"
    file.write_text(HEAD + body + "\nendmodule\n")
    return synthesize(Design((file,), top, parameters or {}), embedded_library(), 1000.0)


def test_repeats_byte_for_byte_and_counts_what_is_in_the_netlist() -> None:
    design, _ = mac_design("wallace")
    library = embedded_library()
    first, second = synthesize(design, library, 1000.0), synthesize(design, library, 1000.0)
    assert first.verilog == second.verilog
    netlist = netlist_from_verilog(first.verilog, library)
    assert first.cell_counts == netlist.cell_counts
    assert first.area_um2 == pytest.approx(netlist.area_um2)
    assert len(netlist.sequential) == 8 + 8 + 32


def test_a_longer_period_needs_no_larger_area() -> None:
    design, _ = mac_design("wallace")
    library = embedded_library()
    assert synthesize(design, library, 3000.0).area_um2 <= synthesize(design, library, 500.0).area_um2


def test_blocks_can_be_dissolved() -> None:
    design, _ = mac_design("wallace", keep_blocks=False)
    library = embedded_library()
    netlist = netlist_from_verilog(synthesize(design, library, 1000.0).verilog, library)
    assert {cell.block for cell in netlist.cells} == {""}


def test_asynchronous_reset_becomes_synchronous_and_says_so(tmp_path: Path) -> None:
    done = build(
        tmp_path, "always @(posedge clk or negedge en) if (!en) psum_out <= 0; else psum_out <= psum_out + weight;"
    )
    assert any("asynchronous" in note for note in done.notes)
    assert set(done.cell_counts) <= set(embedded_library().cells)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("always @(posedge clk) psum_out <= psum_out + * weight;", r"mine\.v:2: syntax error"),
        (
            "reg [15:0] p; always @* if (en) p = weight;\nalways @(posedge clk) psum_out <= p;",
            r"mine\.v:2: a latch .*'mac\.p \[7:0\]'",
        ),
        (
            "wire [15:0] p = weight + (p ^ 3);\nalways @(posedge clk) psum_out <= p;",
            r"mine\.v:2: combinational loop.*'p'",
        ),
        ("wire [15:0] p; other m(.a(weight), .p(p));\nalways @(posedge clk) psum_out <= p;", "lacks module 'other'"),
        ("wire [15:0] p;\nalways @(posedge clk) psum_out <= p;", "'mac.p' is used but has no driver"),
        (
            "wire [15:0] p = weight; assign p = activation;\nalways @(posedge clk) psum_out <= p;",
            "more than one driver",
        ),
        (
            "half m(.a(weight));\nalways @(posedge clk) psum_out <= weight;\nendmodule\nmodule half(input [3:0] a);",
            "port 'mac.m.a' is 4 bits wide but gets 8",
        ),
    ],
)
def test_rtl_that_cannot_be_built_is_refused_in_one_line(tmp_path: Path, body: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        build(tmp_path, body)
    assert "\n" not in str(caught.value)


def test_unknown_top_parameter_and_file(tmp_path: Path) -> None:
    body = "always @(posedge clk) psum_out <= weight * activation;"
    with pytest.raises(InputError, match="unknown --top module 'mca': did you mean mac"):
        build(tmp_path, body, top="mca")
    with pytest.raises(InputError, match="no parameter 'BITS'"):
        build(tmp_path, body, parameters={"BITS": 8})
    with pytest.raises(InputError, match=r"absent\.v' is not a file"):
        synthesize(Design((tmp_path / "absent.v",), "mac", {}), embedded_library(), 1000.0)


def test_a_register_that_the_library_lacks_is_named(tmp_path: Path) -> None:
    body = "always @(posedge clk or posedge en) if (en) psum_out <= weight; else psum_out <= activation;"
    with pytest.raises(InputError, match=r"register .* lacks"):
        build(tmp_path, body)
