"""Tests of `receiver.sandbox.timbr_audio`."""
