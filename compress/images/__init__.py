"""Data sets: what calibrates, what a search may look at, and the test set it never sees."""
