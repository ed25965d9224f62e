"""Search methods by name."""
