"""A network on a tile, layer by layer."""
