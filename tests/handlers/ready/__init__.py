"""Tests of the ready-made handlers in `handlers/ready/`."""
