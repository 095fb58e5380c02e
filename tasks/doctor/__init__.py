"""What `keepwell doctor` finds about mappings and about every system outside."""
