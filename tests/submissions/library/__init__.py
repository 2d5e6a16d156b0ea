"""Tests of `receiver.submissions.library`."""
