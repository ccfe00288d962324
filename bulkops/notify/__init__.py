"""Tells people how far a job is, as ``[notify]`` asks, without getting in the way of the job."""
