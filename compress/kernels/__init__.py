"""Compiled loops over arrays: NumPy and Numba only."""
