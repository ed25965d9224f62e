"""A mapped netlist as a graph, its checks and its interface."""
