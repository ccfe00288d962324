"""The kinds of operation, one module each: their specs, and what they decide to do. Pure."""
