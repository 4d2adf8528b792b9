"""The reports: each reads the kept sums and counts the newer entries from the facts, at one moment (`snapshot`)."""
