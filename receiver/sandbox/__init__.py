"""A simulated transcribe.so over HTTP, in memory: the whole product runs against it with no account and no network.

    app ──key, limit, idempotency, faults──▶ webhooks · transcriptions · artifacts ──▶ state.Sandbox
                                                                                       ├ account.Account, one a key
     └── no key: uploads (/s3/) · tus (/files/) · controls (/sandbox/)                 └ deliveries: signed, retried

Time runs `speed` times as fast as at the provider: a minute's transcription takes a second at 60. Words in a source's
name make it fail, or long, or empty: see `transcription` and `samples`. `Knobs` are what the documentation leaves open.
"""

from receiver.sandbox.account import EXAMPLE_ID
from receiver.sandbox.app import application
from receiver.sandbox.knobs import Knobs
from receiver.sandbox.state import Sandbox

__all__ = ["EXAMPLE_ID", "Knobs", "Sandbox", "application"]
