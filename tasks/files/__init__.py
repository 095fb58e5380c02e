"""Files on disk: digests, permissions, scratch folders, and the tables and texts that people provide."""
