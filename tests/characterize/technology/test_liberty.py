"""The Liberty reader: figures, units, rails, and one clear line for files that are damaged or incomplete."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from characterize.technology.cell_library import CellLibrary, PowerArc, Sense, Table, TimingArc
from characterize.technology.liberty_reader import read_liberty
from characterize.technology.liberty_writer import write_liberty
from characterize.technology.load import embedded_library
from hwsim.errors import InputError

TEXT = """/* a small library in ns and pF { */
library (small) {
  time_unit : "1ns"; voltage_unit : "1V"; leakage_power_unit : "1uW";
  capacitive_load_unit (1, pf);
  nom_voltage : 0.5; nom_temperature : 85;
  lu_table_template (t) { variable_1 : input_net_transition; variable_2 : total_output_net_capacitance;
    index_1 ("1, 2"); index_2 ("1, 2"); }
  cell (ND2) {
    area : 2.5
    leakage_power () { value : 3; when : "A * B"; related_pg_pin : VDD; }
    leakage_power () { value : 2; related_pg_pin : VDD; }
    leakage_power () { value : 1; related_pg_pin : VSS; }
    pin (A) { direction : input; capacitance : 0.001; }
    pin (B) { direction : input; capacitance : 0.002;
      internal_power () { when : "!A * Y"; rise_power (p) { index_1 ("0.01, 0.02"); values ("1, 2"); }
        fall_power (scalar) { values ("4"); } } }
    pin (Y) { direction : output; function : "!(A * B)"; max_capacitance : 0.05;
      timing () { related_pin : "A"; timing_sense : negative_unate; when : "B";
        cell_rise (t) { index_1 ("0.01, 0.02"); index_2 ("0.001, 0.003"); values ( \\
          "0.1, 0.3", \\
          "0.2, 0.4" \\
        ); }
        cell_fall (t) { index_1 ("0.01, 0.02"); index_2 ("0.001, 0.003"); values ("1, 2", "3, 4"); }
        rise_transition (t) { index_1 ("0.01, 0.02"); index_2 ("0.001, 0.003"); values ("1, 2", "3, 4"); }
        fall_transition (t) { index_1 ("0.01, 0.02"); index_2 ("0.001, 0.003"); values ("1, 2", "3, 4"); }
      }
      internal_power () { related_pin : "A"; related_pg_pin : VDD;
        rise_power (t) { index_1 ("0.01, 0.02"); index_2 ("0.001, 0.003"); values ("1, 2", "3, 4"); }
        fall_power (scalar) { values ("7"); } }
      internal_power () { related_pin : "A"; related_pg_pin : VSS;
        rise_power (t) { index_1 ("0.01, 0.02"); index_2 ("0.001, 0.003"); values ("10, 20", "30, 40"); }
        fall_power (scalar) { values ("70"); } }
    }
  }
  cell (FF) {
    area : 9;
    ff (IQ, IQN) { clocked_on : "CK"; next_state : "D"; }
    pin (CK) { direction : input; clock : true; capacitance : 0.001;
      internal_power () { when : "D * Q"; fall_power (scalar) { values ("1"); }
        rise_power (scalar) { values ("2"); } } }
    pin (D) { direction : input; capacitance : 0.001; }
    pin (Q) { direction : output; function : "IQ";
      timing () { related_pin : "CK"; timing_type : rising_edge; timing_sense : non_unate;
        cell_rise (scalar) { values ("0.1"); } cell_fall (scalar) { values ("0.1"); }
        rise_transition (scalar) { values ("0.1"); } fall_transition (scalar) { values ("0.1"); } } }
  }
}
"""


def small(tmp_path: Path, text: str = TEXT, name: str = "small.lib") -> CellLibrary:
    file = tmp_path / name
    file.write_text(text)
    return read_liberty([file])


def test_units_become_ps_ff_fj_nw(tmp_path: Path) -> None:
    library = small(tmp_path)
    gate = library["ND2"]
    assert (library.voltage_v, library.temperature_c, gate.area_um2) == (0.5, 85.0, 2.5)
    assert gate.leakage_nw == pytest.approx(3000.0)
    assert gate.pins["A"].capacitance_ff == pytest.approx(1.0)
    assert gate.pins["Y"].max_load_ff == pytest.approx(50.0)
    (arc,) = gate.timing
    assert (arc.sense, arc.when is not None and arc.when.truth_table) == (Sense.NEGATIVE, 0b1100)
    assert arc.cell_rise.at(10.0, 1.0) == pytest.approx(100.0)
    assert arc.cell_rise.at(15.0, 2.0) == pytest.approx(250.0)
    assert arc.cell_rise.at(30.0, 1.0) == pytest.approx(300.0)


def test_energies_of_both_rails_add_up(tmp_path: Path) -> None:
    gate = small(tmp_path)["ND2"]
    output = next(arc for arc in gate.power if arc.pin == "Y")
    # pF x V^2 = pJ = 1000 fJ
    assert output.rise_fj.at(20.0, 3.0) == pytest.approx(44_000.0)
    assert output.fall_fj.at(5.0, 1.0) == pytest.approx(77_000.0)


def test_a_condition_on_an_output_becomes_one_on_the_inputs(tmp_path: Path) -> None:
    idle = next(arc for arc in small(tmp_path)["ND2"].power if arc.pin == "B")
    assert idle.when is not None
    assert [idle.when(row) for row in range(4)] == [1, 0, 1, 0]
    assert idle.rise_fj.at(15.0, 99.0) == pytest.approx(1500.0)


def test_a_register_keeps_its_state_in_conditions(tmp_path: Path) -> None:
    register = small(tmp_path)["FF"]
    assert register.flip_flop is not None
    assert (register.flip_flop.clock_pin, register.flip_flop.data_pin) == ("CK", "D")
    assert not register.flip_flop.inverted_output
    (arc,) = register.power
    assert arc.when is not None and arc.when.inputs == ("CK", "D", "Q")


def test_gzip_reads_alike(tmp_path: Path) -> None:
    file = tmp_path / "small.lib.gz"
    file.write_bytes(gzip.compress(TEXT.encode()))
    assert read_liberty([file])["ND2"].leakage_nw == small(tmp_path)["ND2"].leakage_nw


def test_written_liberty_reads_back_the_same(tmp_path: Path) -> None:
    library = embedded_library()
    again = small(tmp_path, write_liberty(library))
    assert again.cells.keys() == library.cells.keys()
    for name, cell in library.cells.items():
        other = again[name]
        assert other.flip_flop == cell.flip_flop
        assert other.leakage_nw == pytest.approx(cell.leakage_nw, rel=1e-5)
        arcs: list[TimingArc | PowerArc] = [*cell.timing, *cell.power]
        others: list[TimingArc | PowerArc] = [*other.timing, *other.power]
        for a, b in zip(arcs, others, strict=True):
            assert (a.when is None) == (b.when is None)
            assert a.when is None or b.when is None or a.when.truth_table == b.when.truth_table
            for key, table in vars(a).items():
                if isinstance(table, Table):
                    np.testing.assert_allclose(getattr(b, key).values, table.values, rtol=1e-5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TEXT[:1500], r"cell 'ND2' at line \d+: .*truncated"),
        ("module mac; endmodule", "not a Liberty file"),
        ("library (empty) { nom_voltage : 1; }", "holds no cells"),
        (TEXT.replace("nom_voltage : 0.5;", ""), "states no nom_voltage"),
        (TEXT.replace('time_unit : "1ns"', 'time_unit : "1 fortnight"'), "time_unit '1 fortnight' is not one of"),
        (TEXT.replace("area : 2.5", ""), "cell 'ND2' states no area"),
        (TEXT.replace("capacitance : 0.001; }\n    pin (B)", "}\n    pin (B)"), "pin 'A' states no capacitance"),
        (TEXT.replace('"!(A * B)"', '"!(A * C)"'), "'C' in .* is not one of the inputs A, B"),
        (TEXT.replace("cell_fall (t)", "cell_drop (t)"), "lacks cell_fall"),
        (TEXT.replace('"0.1, 0.3"', '"0.1"'), "table cell_rise: cannot reshape"),
        (TEXT.replace('"0.1, 0.3"', '"0.1, zero"'), "table cell_rise: could not convert"),
        (TEXT.replace("area : 9;", "area : 9; ?;"), r"line \d+: '\?;.* is not Liberty syntax"),
    ],
)
def test_damaged_files_are_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        small(tmp_path, text)
    assert "\n" not in str(caught.value)
    assert "small.lib" in str(caught.value)


def test_files_that_cannot_be_read_or_do_not_fit_together(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read --liberty .*absent\.lib"):
        read_liberty([tmp_path / "absent.lib"])
    broken = tmp_path / "broken.lib.gz"
    broken.write_bytes(gzip.compress(TEXT.encode())[:-200])
    with pytest.raises(InputError, match="damaged gzip"):
        read_liberty([broken])
    small(tmp_path)
    small(tmp_path, TEXT.replace("nom_voltage : 0.5", "nom_voltage : 0.7"), "other.lib")
    with pytest.raises(InputError, match=r"is at 0\.7 V but .* at 0\.5 V"):
        read_liberty([tmp_path / "small.lib", tmp_path / "other.lib"])
    with pytest.raises(InputError, match="no cell 'XOR2'"):
        read_liberty([tmp_path / "small.lib"], cells=["ND2", "XOR2"])


def test_the_real_library_reads_whole(asap7: list[Path]) -> None:
    library = read_liberty(asap7)
    assert library.voltage_v == 0.7
    register = library["DFFHQNx1_ASAP7_75t_R"]
    assert register.leakage_nw == pytest.approx(0.229737)
    output = next(arc for arc in register.power if arc.pin == "QN")
    assert output.rise_fj.at(5.0, 0.72) == pytest.approx(0.509235 + 0.620513)
    assert library["AOI21x1_ASAP7_75t_R"].pins["Y"].function is not None


def test_quoted_names_and_units_read_alike(tmp_path: Path) -> None:
    quoted = TEXT.replace("(1, pf)", '(1, "pf")').replace("cell (ND2)", 'cell ("ND2")').replace("pin (A)", 'pin ("A")')
    quoted = quoted.replace("ff (IQ, IQN)", 'ff ("IQ","IQN")').replace("direction : input", 'direction : "input"')
    library, plain = small(tmp_path, quoted), small(tmp_path)
    assert library["ND2"].pins == plain["ND2"].pins
    assert library["FF"].flip_flop == plain["FF"].flip_flop


def test_libraries_of_several_files_are_named_by_whole_words(tmp_path: Path) -> None:
    for name in ("kit_SIMPLE", "kit_SEQ"):
        (tmp_path / f"{name}.lib").write_text(TEXT.replace("library (small)", f"library ({name})"))
    assert read_liberty([tmp_path / "kit_SIMPLE.lib", tmp_path / "kit_SEQ.lib"]).name == "kit"
