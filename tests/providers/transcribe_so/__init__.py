"""Tests of `receiver.transcribe_so`."""
