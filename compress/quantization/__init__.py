"""Affine codes, activation ranges and layers in integers."""
