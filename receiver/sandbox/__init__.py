"""A simulated transcribe.so over HTTP, in memory: the whole product runs against it with no account and no network.

    app ──key, limit, idempotency, faults──▶ webhooks · transcriptions · artifacts ──▶ state.Sandbox
                                                                       one per key: account.SimulatedAccount ┤
     └── no key: uploads (/s3/) · tus (/files/) · controls (/sandbox/)          signed and retried: deliveries ┘

Time runs `speed` times as fast as at the provider: with speed 60, a transcription of a minute takes a second. Words in
a recording's name make its transcription fail, or its transcript long or empty: see `transcription` and `samples`.
`Knobs` choose a behaviour where the provider's documentation is silent.
"""

from receiver.sandbox.app import application
from receiver.sandbox.knobs import Knobs
from receiver.sandbox.state import Sandbox
from receiver.sandbox.transcribe_so.account import EXAMPLE_ID

__all__ = ["EXAMPLE_ID", "Knobs", "Sandbox", "application"]
