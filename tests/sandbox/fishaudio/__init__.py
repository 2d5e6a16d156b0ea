"""Tests of `receiver.sandbox.fishaudio`."""
