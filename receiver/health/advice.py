"""Findings that are worth a word and always hold: nothing is lost, or wrong by itself. Pure."""

from collections.abc import Collection, Sequence
from difflib import SequenceMatcher

from receiver.handling import Handler, matches
from receiver.health.finding import Finding
from receiver.inbox.deliveries import TypeCount
from receiver.inbox.jobs import Count

TOLD = 5
ALIKE = 0.9


def orphans(counts: Sequence[Count], handlers: Collection[str]) -> Finding:
    """Tell the jobs of handlers that do not exist (any more): advice, because nothing of them is lost."""
    if not handlers:
        return Finding("orphaned jobs", holds=True, seen="not known without handlers")
    gone = [
        f"{one.handler} ({', '.join(f'{number} {state}' for state, number in states.items() if number)})"
        for one in counts
        for states in [{"unfinished": one.unfinished, "dead": one.dead}]
        if one.handler not in handlers and any(states.values())
    ]
    return _advice("orphaned jobs", "jobs of handlers that do not exist", gone, "bring the names back, or leave them")


def elsewhere(counts: Sequence[Count], api_url: str) -> Finding:
    """Tell the unfinished jobs of other APIs: advice, because they wait for who works for those."""
    number = sum(one.elsewhere for one in counts)
    found = [f"{number} unfinished jobs belong to another than {api_url}"] if number else []
    return _advice("other APIs", "here", found, "run `receiver work` with their TRANSCRIBE_API_URL, or leave them")


def registration(*, is_refused: bool) -> list[Finding]:
    """Tell that the webhook stays unregistered: deliveries are taken with the secrets that are known."""
    if not is_refused:
        return []
    todo = "the log says why; see `receiver register`"
    return [Finding("registration", holds=True, seen="the provider refuses it, or delivers elsewhere", todo=todo)]


def arrivals(types: Sequence[TypeCount], handlers: Collection[Handler]) -> list[Finding]:
    """Tell what came and nobody took: advice, because nothing of it is wrong by itself.

    A pattern for which nothing came is worth a word only beside a type that may have been meant.
    """
    came = {one.type: one.unwanted for one in types if one.type is not None}
    unread = sum(one.events for one in types if one.type is None)
    unwanted = [f"{name}: {count}" for name, count in came.items() if count]
    wanted = {name for name in came if any(handler.wants(name) for handler in handlers)}
    odd = [
        f"{pattern} of {handler.name}, but {meant}"
        for handler in handlers
        for pattern in handler.patterns
        for meant in [_meant(pattern, came, wanted)]
        if meant is not None
    ]
    return [
        _advice("no handler", "events of the last 30 days that no handler wanted", unwanted,
                "write one, or leave them; `receiver replay` gives them to one that is new"),
        _advice("patterns", "nothing came in the last 30 days for", odd, "is it spelt right?"),
        _advice("quarantine", "deliveries of the last 30 days that could not be read", [str(unread)] if unread else [],
                "`receiver events` shows them, `receiver replay EVENT` reads one again, say after an update"),
    ]  # fmt: skip


def _advice(name: str, about: str, found: Sequence[str], todo: str) -> Finding:
    if not found:
        return Finding(name, holds=True, seen="nothing to tell")
    more = f", and {len(found) - TOLD} more" if len(found) > TOLD else ""
    return Finding(name, holds=True, seen=f"{about}: {', '.join(found[:TOLD])}{more}", todo=todo)


def _meant(pattern: str, came: Collection[str], wanted: Collection[str]) -> str | None:
    """Return a type that came and that a pattern may have meant: a like one, or of its family and unwanted."""
    if any(matches(pattern, name) for name in came):
        return None
    family = pattern.partition(".")[0]
    for name in came:
        if _alike(family, name.partition(".")[0]) and (
            name not in wanted or pattern.endswith(".*") or _alike(pattern, name)
        ):
            return name
    return None


def _alike(one: str, other: str) -> bool:
    return SequenceMatcher(None, one, other).ratio() > ALIKE
