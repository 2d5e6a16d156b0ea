"""Tests of `receiver.sandbox.timbr`."""
