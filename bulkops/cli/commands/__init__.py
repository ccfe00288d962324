"""The commands: each parses, calls the library, prints, and ends with an exit code."""
