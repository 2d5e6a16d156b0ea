"""How we ask the sources: a module or a package for each provider's API, and what all of them share.

transcribe_so/   the client of transcribe.so
content          a finished transcription: as it is stored, else as the provider has it, else made anew
  ▶ archive      the provider's answers, fetched once
budget           one key's requests, over all processes
tus              uploads in pieces
destinations     where an answer may send a file
egress           every HTTP client: the proxies and certificates of the environment

source (data, prose)    URL                         here
transcribe.so           /webhooks/transcribe-so     providers/transcribe_so/
"""

from receiver.providers.transcribe_so import Recording, TranscribeSo

__all__ = ["Recording", "TranscribeSo"]
