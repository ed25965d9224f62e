"""Local refinement: a lazy greedy descent, then trades."""
