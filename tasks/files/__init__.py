"""Files on disk: digests, permissions, scratch folders, tables and texts that people give."""
