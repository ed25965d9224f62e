"""Words and cycles of a mapped layer: in closed form, and executed."""
