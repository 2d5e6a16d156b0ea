"""Tests of `receiver.submissions`."""
