"""Programs of other people, which are not installed for the suite: `pytest -n0 tests/peers`."""
