"""Timed and zero-delay simulation of gates, and their activity."""
