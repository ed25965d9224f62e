"""The row-stationary nest, its legality and the mapper."""
