"""Verilog models of library cells, generated from what the library says: functions and registers, without delays.

Vendor models carry specify blocks and timing checks that open simulators read differently; these hold the same
functions in the subset that all of them share. Source: the library's `function` and `ff` attributes.
"""

from __future__ import annotations

from characterize.technology.cell_library import Cell, CellLibrary, FlipFlop


def cell_models(library: CellLibrary) -> str:
    """Return one Verilog module for each cell of a library (of a netlist: the cells that it uses)."""
    head = f"// Zero-delay models of the cells of {library.name}, generated from {library.source}.\n"
    return head + "\n".join(_model(cell) for cell in library.cells.values())


def _model(cell: Cell) -> str:
    pins = [f"  input {name}" for name in cell.inputs] + [f"  output {name}" for name in cell.outputs]
    body = _register(cell.flip_flop) if cell.flip_flop is not None else _gates(cell)
    return f"module {cell.name} (\n" + ",\n".join(pins) + f"\n);\n{body}endmodule\n"


def _register(flip_flop: FlipFlop) -> str:
    edge = "posedge" if flip_flop.rising_edge else "negedge"
    shown = "~state" if flip_flop.inverted_output else "state"
    return (
        "  reg state;\n"
        f"  always @({edge} {flip_flop.clock_pin}) state <= {flip_flop.data_pin};\n"
        f"  assign {flip_flop.output_pin} = {shown};\n"
    )


def _gates(cell: Cell) -> str:
    functions = ((name, cell.pins[name].function) for name in cell.outputs)
    return "".join(f"  assign {name} = {function.verilog};\n" for name, function in functions if function is not None)
