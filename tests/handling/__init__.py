"""Tests of `receiver.handling`."""
