"""Tests of `receiver.logs`."""
