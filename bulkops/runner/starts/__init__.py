"""When operations start: in which order, how many at once, and in which windows."""
