"""Tests of `receiver.providers.transcribe_so`."""
