"""HubSpot and Salesforce."""
