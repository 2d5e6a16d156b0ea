"""Tests of `receiver.webhooks`."""
