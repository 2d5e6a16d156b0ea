"""Tests of `receiver.sandbox`."""
