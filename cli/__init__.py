"""The `keepwell` command."""
