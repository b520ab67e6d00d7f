"""Which location ships what: pure. `plan` decides, `search` finds the best cover, `explain` says why."""
