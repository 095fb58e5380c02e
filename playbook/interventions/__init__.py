"""What was done for an account: causes, interventions, success plans."""
