"""Tests of the room `reconciling`."""
