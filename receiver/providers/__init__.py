"""How we ask the sources: one module for each provider's API.

source (data, prose)    URL                         module
transcribe.so           /webhooks/transcribe-so     providers/transcribe_so.py
"""

from receiver.providers.transcribe_so import Recording, TranscribeSo

__all__ = ["Recording", "TranscribeSo"]
