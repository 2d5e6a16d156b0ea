"""Tests of `receiver.submissions.reconciling`."""
