"""The cocotb bench of a MAC unit: Driver, Monitor and Scoreboard, on RTL and netlist side by side."""
