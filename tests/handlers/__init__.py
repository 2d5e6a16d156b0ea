"""Tests of `receiver.handlers`."""
