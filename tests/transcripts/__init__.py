"""Tests of `receiver.transcripts`."""
