"""Clients of the providers: a module or a package for each API, and what is built on them.

transcribe_so/   the client of transcribe.so
content          a finished transcription: from the archive, or from the provider, or regenerated
  ▶ archive      the provider's answers; each is fetched once
opening          a client with the budget that all processes share
  ▶ budget       the requests of one key, over all processes
tus              uploads in pieces
destinations     the upload addresses that an answer can name
egress           every HTTP client: the proxies and certificates of the environment

source (data, prose)    URL                         here
transcribe.so           /webhooks/transcribe-so     providers/transcribe_so/
"""

from receiver.providers.transcribe_so import Recording, TranscribeSo

# The client of each source.
SOURCES = (TranscribeSo,)

__all__ = ["SOURCES", "Recording", "TranscribeSo"]
