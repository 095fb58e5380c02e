"""Training sets, candidates, monitoring and audits."""
