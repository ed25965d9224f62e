"""What the three commands share on the terminal."""
