"""The customer's tables: connections, mappings, snapshots, facts by date."""
