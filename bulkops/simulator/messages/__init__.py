"""What requests and answers consist of: parameters, resources, pages and refusals. Pure."""
