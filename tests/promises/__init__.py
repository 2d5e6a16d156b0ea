"""Tests of `receiver.promises`."""
