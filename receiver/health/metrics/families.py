"""Every metric: its name, its kind, its labels, and what it means. Pure.

No label grows with the data: labels are names of settings, of handlers, of states, and words of protocols.
"""

from typing import Literal, NamedTuple, TypeAlias

from receiver.health import counts

Kind: TypeAlias = Literal["counter", "gauge", "histogram"]


class Family(NamedTuple):
    """A metric. `counted` is the name of the series that processes count; None if it is read from elsewhere."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    counted: str | None = None


FAMILIES = (
    Family("receiver_database_up", "gauge", "Whether the database answers within a second (1) or not (0)."),
    Family("receiver_processes", "gauge", "Processes that run, by kind: web or worker.", ("kind",)),
    Family("receiver_finding_holds", "gauge", "Whether a finding of readiness holds (1) or not (0).", ("finding",)),
    Family(
        "receiver_deliveries_total", "counter",
        "Deliveries by answer: stored, duplicate, quarantined, spooled, refused. A refused one may name no account.",
        ("account", "answer"), counts.DELIVERIES,
    ),
    Family(
        "receiver_refusals_total", "counter", "Refused deliveries by reason.", ("account", "reason"), counts.REFUSALS
    ),
    Family(
        "receiver_answer_seconds", "histogram", "Time from the last byte of a delivery that is taken to its answer.",
        (), counts.ANSWER_SECONDS,
    ),
    Family(
        "receiver_events_total", "counter",
        "Events by source, type (empty if quarantined) and origin: webhook, callback, submission, reconciled, notice.",
        ("source", "type", "origin"), counts.EVENTS,
    ),
    Family(
        "receiver_jobs", "gauge", "Jobs by handler and state: due, waiting, running, dead. Counted up to 10,000.",
        ("handler", "state"),
    ),
    Family(
        "receiver_oldest_due_seconds", "gauge", "How long the oldest due live job of a handler has waited.",
        ("handler",),
    ),
    Family(
        "receiver_attempts_total", "counter", "Attempts by handler and outcome: done, again, later, dead.",
        ("handler", "outcome"), counts.ATTEMPTS,
    ),
    Family(
        "receiver_attempt_seconds", "histogram", "How long attempts run.", ("handler",), counts.ATTEMPT_SECONDS
    ),
    Family("receiver_spool_bytes", "gauge", "Bytes of deliveries that wait in the spools of all machines."),
    Family("receiver_spool_oldest_seconds", "gauge", "How long the oldest delivery has waited in a spool."),
    Family(
        "receiver_failure_budget_used", "gauge",
        "Authentic deliveries refused in a row, the most of any web process. After 5 the provider delivers no more.",
        ("account",),
    ),
    Family(
        "receiver_feed_on", "gauge", "Whether an account's webhooks come (1), or it looks switched off (0).",
        ("source", "account"),
    ),
    Family(
        "receiver_coverage_ratio", "gauge",
        "Share of the ends of an account's transcriptions of the last 30 days that a webhook has announced.",
        ("source", "account"),
    ),
    Family(
        "receiver_last_delivery_timestamp_seconds", "gauge",
        "When an account's last webhook came, be it refused for its time.",
        ("source", "account"),
    ),
    Family("receiver_quarantined_events", "gauge", "Events in quarantine. Counted up to 10,000."),
    Family(
        "receiver_submissions", "gauge",
        "Submissions that have not ended, by state: intended, uploaded, sent, accepted, overdue, unknown.",
        ("source", "state"),
    ),
    Family(
        "receiver_provider_calls_total", "counter",
        "Requests of the workers to a provider, by endpoint and status: of the answer, or why there was none.",
        ("source", "account", "endpoint", "status"), counts.CALLS,
    ),
    Family(
        "receiver_provider_call_seconds", "histogram", "How long a provider takes to answer.", ("source",),
        counts.CALL_SECONDS,
    ),
    Family(
        "receiver_budget_wait_seconds_total", "counter", "How long requests have waited for a turn of their budget.",
        ("source", "account"), counts.WAIT_SECONDS,
    ),
    Family(
        "receiver_charges", "gauge", "What providers have charged in all, as far as known. Added up once a minute.",
        ("source", "account", "unit"),
    ),
    Family(
        "receiver_balance", "gauge", "What is left of an account's money, as its provider said last.",
        ("source", "account", "unit"),
    ),
    Family(
        "receiver_oldest_snapshot_seconds", "gauge", "How long the oldest snapshot of the database has been held."
    ),
    Family("receiver_info", "gauge", "Always 1: the version of this process and of the schema.", ("version", "schema")),
    Family("receiver_scrape_seconds", "gauge", "How long it took to collect these metrics."),
)  # fmt: skip
BY_NAME = {family.name: family for family in FAMILIES}
