"""The simulated transcribe.so."""
