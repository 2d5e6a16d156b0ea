"""How we ask the sources: a module or a package for each provider's API. Uploads may share `tus` and `destinations`.

source (data, prose)    URL                         here
transcribe.so           /webhooks/transcribe-so     providers/transcribe_so/
"""

from receiver.providers.transcribe_so import Recording, TranscribeSo

__all__ = ["Recording", "TranscribeSo"]
