"""Tests of `receiver.server`."""
