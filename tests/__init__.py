"""The tests: pure ones, ones on a real database, ones with real processes. Names are claims."""
