"""What a MAC is: its ports, its integer model, vectors."""
