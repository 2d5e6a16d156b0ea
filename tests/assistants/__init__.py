"""Assistants that ask, with the official client."""
