"""The outcomes that models predict."""

OUTCOMES = {"churn": "churned", "expansion": "expanded", "advocacy": "advocated"}
"""Each outcome that a model predicts, and the column of its label."""
