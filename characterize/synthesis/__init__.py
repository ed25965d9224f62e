"""RTL to netlist."""
