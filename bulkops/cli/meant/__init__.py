"""What people type who come from Terraform or a similar tool, and what bulkops calls it."""
