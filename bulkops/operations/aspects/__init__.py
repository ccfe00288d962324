"""What operations change, one module each: how it is read and written. Pure."""
