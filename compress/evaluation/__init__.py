"""A policy on a network: masks, program, accuracy."""
