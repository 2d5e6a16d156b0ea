"""The paths of deliveries: each account's webhook has its own, and all callbacks share one."""

from receiver.events import DEFAULT_ACCOUNT
from receiver.settings import addresses

WEBHOOK_PATH = "/webhooks/transcribe-so"
CALLBACK_PATH = f"{WEBHOOK_PATH}/jobs"  # a token follows; these jobs are transcriptions, not the jobs of handlers


def webhook_path(account: str) -> str:
    """Return the path of an account's webhook, by the account's name."""
    return WEBHOOK_PATH if account == DEFAULT_ACCOUNT else f"{WEBHOOK_PATH}/{account}"


def webhook_at(receiver: str, account: str) -> str:
    """Return the address of an account's webhook at a receiver's address, which may end with the known path.

    Raises:
        ValueError: it is no such address. The message does not show it.
    """
    path = webhook_path(account)
    return addresses.base(addresses.base(receiver).removesuffix(path), without=WEBHOOK_PATH) + path
