"""What leaves the house: CRM, messages, Prefect artifacts."""
