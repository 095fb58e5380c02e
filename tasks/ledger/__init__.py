"""The ledger of alerts, messages, work, reviews and overrides."""
