"""Tests of the bundled handlers in `handlers/`."""
