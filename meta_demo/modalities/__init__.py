"""What an input can be."""
