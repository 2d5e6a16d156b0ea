"""Tests of `receiver.settings`."""
