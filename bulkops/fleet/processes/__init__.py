"""The processes of one rollout: what they tell each other, and when they stop."""
