"""What the CRM should show, against what it shows."""
