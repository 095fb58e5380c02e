"""The results of interventions: effects, uplift, forecasts."""
