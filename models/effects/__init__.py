"""What work changed: effects, uplift, forecasts."""
