from pathlib import Path

from characterize.synthesis.rtl_source import rtl_text


def test_included_files_stand_in_the_text(tmp_path: Path) -> None:
    (tmp_path / "inc").mkdir()
    (tmp_path / "inc" / "width.vh").write_text("`define W 8\n")
    (tmp_path / "all.vh").write_text('`include "inc/width.vh"\n// after\n')
    file = tmp_path / "mine.v"
    file.write_text('  `include "all.vh" // widths\nmodule mine; endmodule\n// `include "absent.vh"\n')
    assert rtl_text(file) == ('`define W 8\n\n// after\n\nmodule mine; endmodule\n// `include "absent.vh"\n')


def test_what_is_not_found_or_never_ends_is_left_to_the_tools(tmp_path: Path) -> None:
    file = tmp_path / "mine.v"
    file.write_text('`include "absent.vh"\n')
    assert rtl_text(file) == '`include "absent.vh"\n'
    file.write_text('`include "mine.v"\n')
    assert rtl_text(file).strip() == '`include "mine.v"'
