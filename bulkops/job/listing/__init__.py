"""The file that lists a job's workspaces, and the values that it gives them."""
