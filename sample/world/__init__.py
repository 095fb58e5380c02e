"""The life of a made-up company: accounts, health, hazard, episodes."""
