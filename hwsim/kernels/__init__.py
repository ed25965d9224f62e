"""Compiled loops: arrays in, preallocated arrays out; NumPy and Numba only."""
