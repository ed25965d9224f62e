"""Networks that are built in, with torchvision's parameter names, and the door for a user's own."""
