"""A characterization and its folder."""
