"""What the commands print: for people, for a live terminal, and for programs."""
