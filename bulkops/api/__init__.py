"""The HCP Terraform API as values: requests, resources, limits, what an answer means. Pure."""
