"""Tests of `receiver.providers`."""
