"""Tests of `receiver.deploy`."""
