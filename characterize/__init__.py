"""From the RTL of a MAC unit to a table of energy by precision."""
