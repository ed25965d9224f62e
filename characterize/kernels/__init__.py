"""Compiled loops of the gate-level simulators: arrays in, preallocated arrays out."""
