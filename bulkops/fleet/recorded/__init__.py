"""What is done with the journals of a fleet that has run: verify them, undo them."""
