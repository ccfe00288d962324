"""The kinds of operation, one module each: what a job wants and what is to be done. Pure."""
