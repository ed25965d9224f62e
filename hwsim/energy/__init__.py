"""What a MAC and a moved bit cost."""
