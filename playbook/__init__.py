"""ACTING: pure rules: tiers, next actions, alerts and their life."""
