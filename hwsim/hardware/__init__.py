"""Accelerator tiles."""
