"""Measurements: each reports ratios against something run beside it, and asserts no time."""
