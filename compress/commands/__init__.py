"""One command of `compress` a file."""
