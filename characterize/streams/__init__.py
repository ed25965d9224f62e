"""Operand streams on the ports of a MAC."""
