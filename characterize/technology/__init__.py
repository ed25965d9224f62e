"""Cell figures: Liberty in and out, the compact table."""
