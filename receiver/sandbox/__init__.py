"""A simulated transcribe.so over HTTP, in memory: the whole product runs against it with no account and no network.

    app ──routes──▶ account.Account (one for each key) ──▶ deliveries: signed, retried, switched off
                                                     └──▶ samples: what a finished transcription holds

Time runs `speed` times as fast as at the provider: a minute's transcription takes a second at 60.
"""

from receiver.sandbox.account import EXAMPLE_ID
from receiver.sandbox.app import Sandbox, application

__all__ = ["EXAMPLE_ID", "Sandbox", "application"]
