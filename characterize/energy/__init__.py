"""From simulations to the figures of the table."""
