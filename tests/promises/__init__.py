"""The promises, proven with whole processes: most are the short form of a run in `tests/faults`."""
