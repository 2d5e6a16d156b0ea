"""Tests of `receiver.sandbox.transcribe_so`."""
