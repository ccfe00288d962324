"""A journal that another process writes: who holds it, what is new in it, whether it continues."""
