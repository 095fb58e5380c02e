"""The next action of an account: what its life is, and what a day adds to it."""
