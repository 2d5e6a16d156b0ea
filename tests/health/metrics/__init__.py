"""Tests of the room `receiver.health.metrics`."""
