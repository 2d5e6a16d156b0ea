"""Tests of `receiver.worker`."""
