"""The operator's settings, read once.

environment ──loading──▶ model.Settings
environment        `.env`, and the environment of the processes that we start
adding             adds variables to `.env`
loading            mistakes are reported by name, all at once
model              every setting, with secrets hidden
accounts           the keys of the sources, each with its API, its secrets and its rate
account_variables  the accounts that the environment makes, and what is wrong with them
targets            the apps to which events are forwarded, and what is wrong with their variables
ready_notify       whom the ready-made handler `notify` tells what, and in which words
streams            where events are published
values             what can be wrong with a variable's value
ready_files        what the ready-made handler `files` names its files by
places             a folder or a bucket
listed             every setting with where it is from, for people
said               what one variable says, for handlers
paths              where deliveries come to
addresses          web addresses in one spelling
inherited          the variables that every program that we start gets
trust              whose files can decide what we run
"""

from receiver.settings.accounts import Account
from receiver.settings.loading import load
from receiver.settings.model import FOR_THE_SANDBOX, Settings, TimestampsFormat
from receiver.settings.paths import CALLBACK_PATH, WEBHOOK_PATH, webhook_at, webhook_path

__all__ = [
    "CALLBACK_PATH",
    "FOR_THE_SANDBOX",
    "WEBHOOK_PATH",
    "Account",
    "Settings",
    "TimestampsFormat",
    "load",
    "webhook_at",
    "webhook_path",
]
