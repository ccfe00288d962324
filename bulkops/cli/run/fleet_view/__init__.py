"""What is shown and exported of a fleet while it runs."""
