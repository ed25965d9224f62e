"""A cycle- and access-level simulator of a row-stationary accelerator tile, priced from the MAC's gates."""
