"""The progress of an execution: operations done, rate and time left. Pure."""
