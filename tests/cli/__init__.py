"""Tests of `receiver.cli`."""
