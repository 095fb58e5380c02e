"""The month of the CS team: outreach, effects, reviews, leadership, one account."""
