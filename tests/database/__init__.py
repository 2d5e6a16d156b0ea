"""Tests of `receiver.database`."""
