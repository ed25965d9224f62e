"""The engines beside measured silicon."""
