"""Tests of `receiver.providers.timbr`."""
