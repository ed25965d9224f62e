"""Networks as the tile sees them: layers, who feeds whom, policies, files."""
