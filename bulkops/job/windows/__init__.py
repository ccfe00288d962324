"""``[rollout] windows``: the times at which operations may begin."""
