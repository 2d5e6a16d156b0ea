"""Simulated providers over HTTP, in memory: the whole product runs against them with no account and no network.

                ┌── /                  transcribe_so: a folder with an app, a state and the rest
                ├── /timbr/            timbr: the same
    app ──Wire──┼── /thunderscribe/    thunderscribe: the same
                ├── /fishaudio/        fishaudio: the same
                ├── /timbr-audio/      timbr_audio: the same
                ├── /assets/           assets: what providers made, at signed links
                └── /sandbox/          controls: planned faults, the log of requests, the ledger of charges

    state.Sandbox = ground.Ground (clock, chance, faults, log, ledger) + the state of each provider

wire          the id of a request, CORS, the log of requests
gate          what a request passes before an endpoint: who asks, planned faults
  ▶ limit     the rate limits of keys
  ▶ refusals  the envelope of errors where no provider says how
forms         forms, while they arrive
  ▶ files     a file that was sent: its size and its checksum
subtitles     segments as files of subtitles. Pure
knobs         a behaviour for each question that a provider leaves open

Time runs `speed` times as fast as at a provider: with speed 60, a transcription of a minute takes a second. Words in a
recording's name make its transcription fail, or its transcript long or empty: see `samples`, and each provider.
`Knobs` choose a behaviour where a provider's documentation is silent.
"""

from receiver.sandbox.app import application
from receiver.sandbox.knobs import FishAudioKnobs, Knobs, ThunderScribeKnobs, TimbrAudioKnobs, TimbrKnobs
from receiver.sandbox.state import Sandbox
from receiver.sandbox.transcribe_so.account import EXAMPLE_ID

__all__ = [
    "EXAMPLE_ID", "FishAudioKnobs", "Knobs", "Sandbox", "ThunderScribeKnobs", "TimbrAudioKnobs", "TimbrKnobs",
    "application",
]  # fmt: skip
