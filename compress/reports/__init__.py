"""Finished searches shown: page, tables, figures, terminal."""
