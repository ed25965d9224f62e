"""Writes a CellLibrary as Liberty text: for technology mapping, and for any tool that reads the format."""

from __future__ import annotations

from collections.abc import Iterator

from characterize.technology.cell_library import Cell, CellLibrary, Pin, PinDirection, PowerArc, Table, TimingArc


def write_liberty(library: CellLibrary, with_power: bool = True) -> str:
    """Return the library as Liberty text in ps, fF, nW (hence fJ); `with_power` false leaves internal energy out."""
    lines = list(_header(library))
    for cell in library.cells.values():
        lines += _cell(cell, with_power)
    lines.append("}")
    return "\n".join(lines) + "\n"


def _header(library: CellLibrary) -> Iterator[str]:
    low, high = (f"{100 * part:g}" for part in (library.slew_low, library.slew_high))
    if library.attribution:
        yield f"/* {library.attribution} */"
    yield f"library ({library.name}) {{"
    yield '  delay_model : table_lookup; time_unit : "1ps"; capacitive_load_unit (1,ff); leakage_power_unit : "1nW";'
    yield '  voltage_unit : "1V"; current_unit : "1mA"; pulling_resistance_unit : "1kohm";'
    yield f"  nom_process : 1; nom_temperature : {library.temperature_c:g}; nom_voltage : {library.voltage_v:g};"
    yield "  input_threshold_pct_rise : 50; input_threshold_pct_fall : 50;"
    yield "  output_threshold_pct_rise : 50; output_threshold_pct_fall : 50;"
    yield f"  slew_lower_threshold_pct_rise : {low}; slew_lower_threshold_pct_fall : {low};"
    yield f"  slew_upper_threshold_pct_rise : {high}; slew_upper_threshold_pct_fall : {high};"
    # technology mapping insists on templates whose index has as many points as the tables that use them
    for kind, slew in (("lu_table_template", "input_net_transition"), ("power_lut_template", "input_transition_time")):
        for slews, loads in sorted(_shapes(library)):
            if slews * loads > 1:
                second = (
                    f' variable_2 : total_output_net_capacitance; index_2 ("{_counts(loads)}");' if loads > 1 else ""
                )
                name = _template(slews, loads)
                yield f'  {kind} ({name}) {{ variable_1 : {slew}; index_1 ("{_counts(slews)}");{second} }}'


def _shapes(library: CellLibrary) -> set[tuple[int, int]]:
    arcs = [arc for cell in library.cells.values() for arc in (*cell.timing, *cell.power)]
    tables = [table for arc in arcs for table in vars(arc).values() if isinstance(table, Table)]
    return {(table.slews_ps.size, table.loads_ff.size) for table in tables}


def _template(slews: int, loads: int) -> str:
    return f"figures_{slews}x{loads}"


def _counts(points: int) -> str:
    return ", ".join(str(point) for point in range(1, points + 1))


def _cell(cell: Cell, with_power: bool) -> Iterator[str]:
    yield f"  cell ({cell.name}) {{"
    yield f"    area : {cell.area_um2:g}; cell_leakage_power : {cell.leakage_nw:g};"
    if (ff := cell.flip_flop) is not None:
        clock = ff.clock_pin if ff.rising_edge else f"!{ff.clock_pin}"
        yield f'    ff (IQ,IQN) {{ clocked_on : "{clock}"; next_state : "{ff.data_pin}"; }}'
    for pin in cell.pins.values():
        yield f"    pin ({pin.name}) {{"
        yield from _pin(cell, pin)
        for arc in cell.timing:
            if arc.output_pin == pin.name:
                yield from _timing(arc, cell)
        if with_power:
            for power in cell.power:
                if power.pin == pin.name:
                    yield from _power(power)
        yield "    }"
    yield "  }"


def _pin(cell: Cell, pin: Pin) -> Iterator[str]:
    if pin.direction is PinDirection.INPUT:
        clock = " clock : true;" if pin.is_clock else ""
        yield f"      direction : input; capacitance : {pin.capacitance_ff:g};{clock}"
        return
    if pin.function is not None:
        function = pin.function.verilog.replace("~", "!")
    else:
        function = "IQN" if cell.flip_flop is not None and cell.flip_flop.inverted_output else "IQ"
    limit = f" max_capacitance : {pin.max_load_ff:g};" if pin.max_load_ff != float("inf") else ""
    yield f'      direction : output; function : "{function}";{limit}'


def _timing(arc: TimingArc, cell: Cell) -> Iterator[str]:
    kind = "combinational"
    if cell.flip_flop is not None:
        kind = "rising_edge" if cell.flip_flop.rising_edge else "falling_edge"
    when = f' when : "{_liberty(arc.when.verilog)}";' if arc.when is not None else ""
    yield f'      timing () {{ related_pin : "{arc.input_pin}"; timing_sense : {arc.sense.value};'
    yield f"        timing_type : {kind};{when}"
    tables = (arc.cell_rise, arc.cell_fall, arc.rise_slew, arc.fall_slew)
    for name, table in zip(("cell_rise", "cell_fall", "rise_transition", "fall_transition"), tables, strict=True):
        yield _table(name, table)
    yield "      }"


def _power(arc: PowerArc) -> Iterator[str]:
    related = f' related_pin : "{arc.related_pin}";' if arc.related_pin is not None else ""
    when = f' when : "{_liberty(arc.when.verilog)}";' if arc.when is not None else ""
    yield f"      internal_power () {{{related}{when}"
    yield _table("rise_power", arc.rise_fj)
    yield _table("fall_power", arc.fall_fj)
    yield "      }"


def _liberty(verilog: str) -> str:
    return verilog.replace("~", "!").replace("1'b", "")


def _table(name: str, table: Table) -> str:
    rows = ", ".join('"' + ", ".join(f"{value:.6g}" for value in row) + '"' for row in table.values)
    if table.values.size == 1:
        return f"        {name} (scalar) {{ values ({rows}); }}"
    template = _template(table.slews_ps.size, table.loads_ff.size)
    slews = ", ".join(f"{value:g}" for value in table.slews_ps)
    if table.loads_ff.size == 1:
        # one axis: the values form one row
        row = ", ".join(f"{value:.6g}" for value in table.values[:, 0])
        return f'        {name} ({template}) {{ index_1 ("{slews}"); values ("{row}"); }}'
    loads = ", ".join(f"{value:g}" for value in table.loads_ff)
    return f'        {name} ({template}) {{ index_1 ("{slews}"); index_2 ("{loads}"); values ({rows}); }}'
