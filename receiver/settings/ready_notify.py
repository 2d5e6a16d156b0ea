"""Check what the ready-made handler `notify` is told: whom to notify, of what, and in which words.

    RECEIVER_NOTIFY        addresses as the library apprise writes them, separated by spaces or commas
    RECEIVER_NOTIFY_ON     ready, failed, dead, costs:10
    RECEIVER_NOTIFY_TEXT   {title}: {detail}

The library knows which addresses can be used, and takes 0.3 s of processor time to load. So only workers and `check`
ask it.
"""

import logging
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal

from receiver.errors import ConfigError
from receiver.settings import values

VARIABLE = "RECEIVER_NOTIFY"
EXTRA, LIBRARY = "notify", "apprise"
OCCASIONS = ("ready", "failed", "dead")
COSTS = "costs:"
MOST = 20  # addresses: each is a handler
FIELDS = ("kind", "title", "detail", "source", "account", "id", "type")
TEMPLATE_LENGTH = 500

_START = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S")
_BETWEEN = re.compile(r"[\s,]+(?=[A-Za-z][A-Za-z0-9+.-]*://)")
_AMOUNT = re.compile(r"[0-9]{1,7}(?:\.[0-9]{1,2})?")


def addresses(value: str) -> str:
    """Return addresses, separated by single spaces, each once.

    Raises:
        ValueError: there is none, one is none, or the library is not installed. The message shows no address.
    """
    found = list(dict.fromkeys(one.strip(" ,") for one in _BETWEEN.split(value) if one.strip(" ,")))
    for number, one in enumerate(found, start=1):
        if not _START.match(one) or not one.isprintable() or " " in one:
            raise ValueError(
                f"{_called(number, len(found))} must be like ntfys://ntfy.sh/my-topic (a space in it is %20)"
            )
    if not 0 < len(found) <= MOST:
        raise ValueError(f"must be 1 to {MOST} addresses, separated by spaces or commas")
    values.need_extra(EXTRA, LIBRARY)
    return " ".join(found)


def occasions(value: Iterable[str]) -> tuple[str, ...]:
    """Return what is notified of; amounts are spelled in one way.

    Raises:
        ValueError: one is none of those that there are.
    """
    found = []
    for one in value:
        amount = one.removeprefix(COSTS)
        if one in OCCASIONS:
            found.append(one)
        elif amount != one and _AMOUNT.fullmatch(amount) and Decimal(amount) > 0:
            found.append(f"{COSTS}{Decimal(amount).normalize():f}")
        else:
            raise ValueError(f"must be some of {', '.join(OCCASIONS)} and {COSTS}10 (an amount in USD)")
    return tuple(dict.fromkeys(found))


def thresholds(found: Iterable[str]) -> list[Decimal]:
    """Return the amounts in USD of which is notified when costs pass them."""
    return [Decimal(one.removeprefix(COSTS)) for one in found if one.startswith(COSTS)]


def template(value: str) -> str:
    """Return a template of texts, whose fields are in `FIELDS`.

    Raises:
        ValueError: it cannot be filled in.
    """
    if len(value) > TEMPLATE_LENGTH or not all(one.isprintable() or one == "\n" for one in value):
        raise ValueError(f"must be at most {TEMPLATE_LENGTH} printable characters")
    values.require_fields(value, FIELDS)
    return value


def check(found: Sequence[str]) -> None:
    """Ask the library whether it can use each address.

    Raises:
        ConfigError: it cannot. The message shows no address.
    """
    if not found:
        return
    import apprise  # noqa: PLC0415 - it takes a while
    from apprise.manager_plugins import NotificationManager  # noqa: PLC0415 - as above

    for number, one in enumerate(found, start=1):
        apprise.logger.addFilter(_nothing)  # it says addresses
        try:
            is_usable = apprise.Apprise.instantiate(one) is not None
        finally:
            apprise.logger.removeFilter(_nothing)
        if is_usable:
            continue
        is_known = one.partition("://")[0].lower() in NotificationManager()  # type: ignore[no-untyped-call]
        why = "lacks something that its service needs" if is_known else "begins with no service that apprise knows"
        raise ConfigError(f"{VARIABLE}: {_called(number, len(found))} {why}: see https://appriseit.com/services")


def _nothing(_: logging.LogRecord) -> bool:
    return False


def _called(number: int, of: int) -> str:
    return "the address" if of == 1 else f"address {number} of {of}"
