"""What the commands about fleets print."""
