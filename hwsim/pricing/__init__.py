"""From counts to energy and time."""
