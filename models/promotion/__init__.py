"""Gates, champions, and the A/B test between two versions."""
