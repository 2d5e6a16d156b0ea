"""What happens when things break: real processes, a real database, and a driver that remembers what was answered.

Run the long form with `.venv/bin/pytest -n0 -s tests/faults`; the suite runs a short one.
"""
