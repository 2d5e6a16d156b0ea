"""Findings that are only advice: they always hold, because nothing is lost or broken. Pure."""

from collections.abc import Collection, Mapping, Sequence
from difflib import SequenceMatcher

from receiver.events import NOTICES, SUBMISSION
from receiver.handling import Handler, matches
from receiver.health.finding import Finding
from receiver.inbox.jobs import Count, counted
from receiver.inbox.listing import TypeCount
from receiver.webhooks import doubts

SHOWN = 5
ALIKE = 0.9
OURS = (SUBMISSION, NOTICES.removesuffix("."))  # what the types of events begin with that we write ourselves
LOOKED_UP: Mapping[str | None, str] = {
    None: "not looked up yet", "stored": "ended and stored", "known": "known before", "running": "not ended yet",
    "gone": "nothing to store",
}  # fmt: skip


def orphans(counts: Sequence[Count], handlers: Collection[str]) -> Finding:
    """Count the jobs of handlers that do not exist (any more). None of them is lost, so this is advice."""
    if not handlers:
        return Finding("orphaned jobs", holds=True, seen="unknown without handlers")
    gone = [
        f"{count.handler} ({', '.join(f'{counted(number)} {state}' for state, number in states.items() if number)})"
        for count in counts
        for states in [{"unfinished": count.unfinished, "dead": count.dead}]
        if count.handler not in handlers and any(states.values())
    ]
    return _advice(
        "orphaned jobs",
        "jobs of handlers that do not exist",
        gone,
        "bring the names back, or `receiver drop --handler NAME`",
    )


def elsewhere(counts: Sequence[Count]) -> Finding:
    """Count the unfinished jobs of other accounts. They wait for workers of those accounts, so this is advice."""
    number = sum(count.elsewhere for count in counts)
    about = "unfinished jobs of accounts that are not configured"
    todo = "run `receiver work` with their TRANSCRIBE_API_URL and key, or ignore them"
    return _advice("other APIs", about, [counted(number)] if number else [], todo)


def doubted(counts: Sequence[doubts.Count]) -> Finding:
    """Count what was refused for its time, by what became of its look-up. Nothing of it is lost, so this is advice."""
    number = sum(count.deliveries for count in counts)
    about = f"authentic deliveries refused for their time, the last ones within a day: {number}; their transcriptions"
    found = [f"{count.doubts} {LOOKED_UP.get(count.outcome, count.outcome)}" for count in counts]
    todo = "if the clock is right, the provider does not sign retries anew: see RECEIVER_STALE"
    return _advice("stale", about, found, todo)


def registration(*, mark: str, option: str, is_refused: bool) -> list[Finding]:
    """Report that an account's webhook is not registered. This is advice: known secrets still verify deliveries."""
    if not is_refused:
        return []
    seen = "the provider refuses it, or delivers elsewhere"
    todo = f"the log says why; see `receiver register{option}`"
    return [Finding("registration", holds=True, seen=seen, todo=todo).of(mark)]


def environment(mistakes: Sequence[str]) -> list[Finding]:
    """Report the proxies and certificates of the environment that cannot be used. Other requests work."""
    lost = "requests that need this setting will fail"
    return [Finding("environment", holds=True, seen=f"{mistake}; {lost}") for mistake in mistakes]


def misspelt(handlers: Collection[Handler], known: Collection[str]) -> list[tuple[Handler, str, str]]:
    """Return which patterns match no known type but look like one, with that one. Sources can have other types too."""
    return [
        (handler, pattern, similar)
        for handler in handlers
        for pattern in handler.patterns
        if pattern != "*" and not any(matches(pattern, name) for name in known)
        for similar in [next((name for name in known if _alike(*_comparable(pattern, name))), None)]
        if similar is not None
    ]


def arrivals(
    types: Sequence[TypeCount], handlers: Collection[Handler], source: str, *, known: Collection[str] = ()
) -> list[Finding]:
    """Report as advice which of a source's events no handler wanted, which patterns match nothing, what is quarantined.

    A pattern without events is mentioned only if a similar type came, or is among the `known` ones. What we write
    about submissions and about the service itself is no delivery: our own worker wants it, or it tells a person.
    """
    arrived = {
        count.type: count.unwanted for count in types
        if count.type is not None and count.type.partition(".")[0] not in OURS
    }  # fmt: skip
    unread = sum(count.events for count in types if count.type is None)
    unwanted = [f"{name}: {count}" for name, count in arrived.items() if count]
    wanted = {name for name in arrived if any(handler.wants(name, source) for handler in handlers)}
    meant = {
        f"{pattern} of {handler.name}": f"there is {similar}"
        for handler, pattern, similar in misspelt(handlers, known)
        if not any(matches(pattern, name) for name in arrived)
    }
    meant |= {
        f"{pattern} of {handler.name}": similar
        for handler in handlers
        if handler.listens_to(source)
        for pattern in handler.patterns
        for similar in [_similar_type(pattern, arrived, wanted)]
        if similar is not None
    }
    unmatched = [f"{what}, but {similar}" for what, similar in meant.items()]
    return [
        _advice("no handler", "events of the last 30 days that no handler wanted", unwanted,
                "write a handler, or ignore them; `receiver replay` gives them to a new handler"),
        _advice("patterns", "nothing came in the last 30 days for", unmatched, "is it spelt right?"),
        _advice("quarantine", "deliveries of the last 30 days that could not be read", [str(unread)] if unread else [],
                "`receiver events` shows them, `receiver replay EVENT` reads one again, for example after an update"),
    ]  # fmt: skip


def _advice(name: str, about: str, found: Sequence[str], todo: str) -> Finding:
    if not found:
        return Finding(name, holds=True, seen="nothing to report")
    more = f", and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return Finding(name, holds=True, seen=f"{about}: {', '.join(found[:SHOWN])}{more}", todo=todo)


def _similar_type(pattern: str, arrived: Collection[str], wanted: Collection[str]) -> str | None:
    """Return a type that came and might have been meant: a similar type, or an unwanted type of the same family."""
    if any(matches(pattern, name) for name in arrived):
        return None
    family = pattern.partition(".")[0]
    for name in arrived:
        if _alike(family, name.partition(".")[0]) and (
            name not in wanted or pattern.endswith(".*") or _alike(pattern, name)
        ):
            return name
    return None


def _comparable(pattern: str, name: str) -> tuple[str, str]:
    """Return what of a pattern and a type is compared: of a family its name alone."""
    return (pattern[:-2], name.rpartition(".")[0]) if pattern.endswith(".*") else (pattern, name)


def _alike(first: str, second: str) -> bool:
    return SequenceMatcher(None, first, second).ratio() > ALIKE
