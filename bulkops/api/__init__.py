"""The HCP Terraform API as values: requests, resources, limits, the meaning of answers. Pure."""
