"""Tests of `receiver.sandbox.thunderscribe`."""
