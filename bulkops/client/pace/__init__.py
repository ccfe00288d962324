"""The pace: what the server allows, less what other clients take, and what its 503s reveal."""
