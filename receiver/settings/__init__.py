"""What the operator decided, read once.

environment ──▶ model.Settings
environment    `.env`, and what the processes that we start are told
model          every setting; mistakes by name, secrets as plain values for those who need them
addresses      one spelling of a web address
inherited      what any program that we start may know of our environment
trust          whose files may decide what we run
"""

from receiver.settings.model import (
    CALLBACK_PATH,
    FOR_THE_SANDBOX,
    WEBHOOK_PATH,
    Account,
    Settings,
    TimestampsFormat,
    load,
)

__all__ = [
    "CALLBACK_PATH",
    "FOR_THE_SANDBOX",
    "WEBHOOK_PATH",
    "Account",
    "Settings",
    "TimestampsFormat",
    "load",
]
