"""Tests of `receiver.inbox`."""
