"""Floor 2: one outside format or system each, and strangers to one another."""
