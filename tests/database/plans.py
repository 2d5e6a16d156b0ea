"""Which statements have to read little however much is stored, and what each of them reads on a filled database.

A statement stands either in `LOOKED` or, with its reason, in `EXCUSED`. What it reads is what PostgreSQL says that it
has read, under its generic plan and under a plan for these parameters: the rows of all scans, those that a filter has
thrown away included, and the pages, because an index that is searched from end to end throws nothing away.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import asyncpg

from receiver.database.session import SQL

Mode = Literal["force_generic_plan", "force_custom_plan"]
MODES: tuple[Mode, ...] = ("force_generic_plan", "force_custom_plan")
GROWING = {
    "events", "jobs", "attempts", "deliveries", "submissions", "archive", "callbacks", "registrations", "doubts",
    "transcriptions", "replay_jobs", "drops", "artifacts", "regenerations", "charges", "library", "passages",
    "unindexed",
}  # fmt: skip
PARAMETER = re.compile(r"\$(\d+) (\w+) ([\w. \[\]]+?)(?:, |$)")
PAGES_FOR_ALL, PAGES_A_ROW = 60, 8

# {events} events, with three jobs each, in this order; one job of each of the first four runs, a tenth of the newest
# waits, one in a hundred is dead. Two APIs, each with accounts.
FILL = (
    """
    insert into receiver.events (
        source, event_id, api_url, account, type, transcription_id, raw, secret_fingerprint, received_at,
        last_delivered_at, origin, title
    )
    select
        case when n % 20 = 0 then 'timbr-audio' else 'transcribe.so' end, 'evt_' || n,
        case when n % 10 = 9 then 'https://other.test' else 'https://api.test' end,
        case n % 7 when 0 then 'two' when 1 then 'three' else 'default' end,
        case when n % 5000 = 10 then 'webhook.test' else 'transcription.completed' end, (n / 2)::text,
        convert_to(repeat('x', 300), 'UTF8'), 'fp_' || n % 3, now() - ({events} - n) * interval '1 s',
        now() - ({events} - n) * interval '1 s', 'webhook', 'Lecture ' || n % 100
    from generate_series(1, {events}) n
    """,
    """
    insert into receiver.jobs (event, handler, source, api_url, account, state, attempt, due_at, waiting_since)
    select
        e.id, h, e.source, e.api_url, e.account,
        case
            when e.id <= 4 and h = 'a' then 'running'
            when e.id > {events} * 0.9 and h = 'b' then 'pending'
            when e.id % 100 = 7 and h = 'c' then 'dead'
            else 'done'
        end::receiver.job_state,
        1, e.received_at + case when e.id % 4 = 0 then interval '30 days' else interval '0' end,
        case when e.id % 50 = 0 then e.received_at end
    from receiver.events e
    cross join unnest(array['a', 'b', 'c']) h
    order by e.id, h
    """,
    """
    insert into receiver.attempts (job, attempt, worker, claimed_at, ended_at, outcome)
    select id, 1, 'host/1', now(), now(), state::text from receiver.jobs where state in ('done', 'dead')
    """,
    """
    insert into receiver.deliveries (event, number, at, secret_fingerprint, how)
    select id, 2, now(), 'fp_1', 'repeat' from receiver.events
    """,
    """
    insert into receiver.submissions (
        id, source, api_url, account, key_fingerprint, operation, wishes, recording, caller_key, asked, state,
        paid_tries, created_at, sent_at, accepted_at, ended_at, look_at, remote_id, duration_seconds
    )
    select
        'sub_' || n, 'timbr-audio', 'https://api.test', case n % 3 when 0 then 'default' else 'two' end, 'key',
        'separation', '{{}}', 'a.wav', 'k' || n, 'k' || n,
        case when n % ({events} / 100) = 1 then 'accepted' when n % ({events} / 100) = 2 then 'unknown'
            when n % ({events} / 100) = 3 then 'intended' else 'done' end,
        1, now() - ({events} - n) * interval '10 s', now(), now(), now(), now() - interval '1 h', 'job_' || n,
        case when n % 2 = 0 then 60 end
    from generate_series(1, {events} / 4) n
    """,
    """
    insert into receiver.events (source, event_id, api_url, account, type, raw, secret_fingerprint, origin)
    select source, id, api_url, account, 'submission', '', '', 'submission' from receiver.submissions
    """,
    """
    insert into receiver.archive (source, api_url, transcription_id, completed_at, kind, answer)
    select
        'transcribe.so', case when n % 10 = 9 then 'https://other.test' else 'https://api.test' end, n::text, '',
        'transcript', 'x'
    from generate_series(1, {events} / 5) n
    """,
    """
    insert into receiver.archive (source, api_url, transcription_id, completed_at, kind, answer)
    select 'transcribe.so', 'https://api.test', n::text, '', 'result', 'x' from generate_series(1, {events} / 5) n
    """,
    # The newest are not in the library yet. One in forty has no spaces, one in twenty is German.
    "delete from receiver.unindexed where transcription_id::integer < {events} / 10",
    """
    insert into receiver.library (
        source, api_url, transcription_id, completed_at, fetched_at, at, title, seconds, passages, config
    )
    select
        'transcribe.so', 'https://api.test', n::text, '', now(), now() - n * interval '1 h', 'Lecture ' || n, 60, 10,
        case when n % 40 > 0 then case when n % 20 > 0 then 'english' else 'german' end end
    from generate_series(1, {events} / 10) n
    """,
    """
    insert into receiver.passages (transcript, number, seconds, text, starts, config, words)
    select
        l.id, n, n, said, '[]', config,
        case when config is null then '' else to_tsvector(config::regconfig, said) end
    from receiver.library l
    cross join generate_series(0, 9) n
    cross join lateral (
        select 'everywhere rare' || (l.id * 10 + n) % 1000 || ' often' || n % 2 as said offset 0
    ) as text
    """,
    """
    insert into receiver.callbacks (token, api_url, idempotency_key, transcription_id, secret, intended_at)
    select 'tok' || n, 'https://api.test', 'i' || n, n::text, 's', now() - n * interval '10 s'
    from generate_series(1, {events} / 4) n
    """,
    """
    insert into receiver.registrations (
        api_url, key_fingerprint, callback_url, webhook_url, idempotency_key, registered_at, secret, webhook_id,
        retired_at, account
    )
    select
        'https://api.test', 'k' || n % 500, 'u', 'u', 'x' || n, now(), 's', 'w', case when n > 200 then now() end,
        'a' || n % 200
    from generate_series(1, {events} / 4) n
    """,
    """
    insert into receiver.transcriptions (
        source, api_url, account, transcription_id, status, pipeline_code, duration_seconds, created_at, ended_at,
        ask_at
    )
    select
        'transcribe.so', 'https://api.test', case n % 3 when 0 then 'two' else 'default' end, n::text,
        case when n % ({events} / 100) = 1 then 'processing' else 'completed' end, 'fast', 60,
        now() - ({events} - n) * interval '10 s', case when n % ({events} / 100) <> 1 then now() end, now()
    from generate_series(1, {events} / 4) n
    """,
    """
    insert into receiver.reconciliations (source, api_url, account, watermark)
    select 'transcribe.so', 'https://api.test', a, now() from unnest(array['default', 'two', 'three']) a
    """,
    """
    update receiver.events set origin = 'reconciled', ended_at = received_at
    where id % ({events} / 100) = 11 and source = 'transcribe.so'
    """,
    """
    insert into receiver.doubts (
        source, api_url, account, transcription_id, type, event_id, seconds_off, times, first_seen_at, last_seen_at,
        asked_at, looked_up_at, outcome
    )
    select
        'transcribe.so', 'https://api.test', case n % 3 when 0 then 'default' else 'two' end, n::text,
        'transcription.completed', 'evt_d' || n, 400, 1, at, at, at, case when n % 500 > 0 then at + interval '1 m' end,
        case when n % 500 > 0 then 'known' end
    from generate_series(1, {events} / 5) n
    cross join lateral (select now() - n * interval '10 min' as at) times
    """,
    # A bulk replay of half the dead jobs has begun.
    """
    insert into receiver.replays (filter, total, started_by) values ('{{}}', 0, 'somebody@host')
    """,
    """
    insert into receiver.replays (filter, total, state, started_by) values ('{{}}', 0, 'cancelled', 'somebody@host')
    """,
    """
    insert into receiver.replay_jobs (replay, job, attempt)
    select case when state = 'dead' then 1 else 2 end, id, attempt from receiver.jobs
    where state = 'dead' and event % 200 = 7 or handler = 'a'
    """,
    # And another one has moved jobs, which have ended since.
    """
    update receiver.jobs set replay = 2 where state = 'done' and event % 200 = 11
    """,
    """
    insert into receiver.drops (job, dropped_by) select id, 'somebody@host' from receiver.jobs where handler = 'a'
    """,
    """
    insert into receiver.artifacts (submission, name, bytes, sha256, place)
    select id, 'a.wav', 1, '', '/shelf/' || id from receiver.submissions
    """,
    "update receiver.transcriptions set since = created_at",
    "update receiver.ledger set last_event = (select max(id) from receiver.events)",
    """
    insert into receiver.regenerations (api_url, transcription_id, asked, idempotency_key, state)
    select 'https://api.test', n::text, 'k' || n, 'i' || n, 'answered' from generate_series(1, {events} / 5) n
    """,
    """
    insert into receiver.charges (
        source, api_url, account, work, run, operation, submission, transcription_id, amount, unit, known_by, at
    )
    select
        'transcribe.so', 'https://api.test', case n % 3 when 0 then 'default' else 'two' end, n::text, 1,
        'transcription', case when n % 2 = 0 then 'sub_' || n end, n::text, 0.25, 'USD', 'event',
        now() - ({events} - n) * interval '1 min'
    from generate_series(1, {events}) n
    """,
    """
    insert into receiver.file_names (place, folded, name, source, api_url, transcription_id, template)
    select '/notes', 'talk ' || n, 'Talk ' || n, 'transcribe.so', 'https://api.test', n::text, '{{title}}'
    from generate_series(1, {events}) n
    """,
    "analyze",
)


@dataclass(frozen=True, slots=True)
class Looked:
    """A statement that reads little.

    Attributes:
        parameters: its parameters in SQL, for the database that `FILL` makes.
        rows: how many rows it reads at most, however many are stored.
        takes: how many rows it locks and writes at least: with nothing to do, it reads little.
    """

    parameters: str
    rows: int
    takes: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """What a statement has read, and which rows it has locked and written, from its plan."""

    rows: int
    taken: int
    pages: int
    milliseconds: float
    whole: frozenset[str]
    plan: str


WHOSE = "array['transcribe.so'], array['https://api.test'], array['default']"
ONE = "'transcribe.so', 'https://api.test', 'default'"
WORKS = "'timbr-audio', 'https://api.test', 'two'"
QUEUES = (
    "array['transcribe.so', 'transcribe.so', 'timbr-audio'], array_fill('https://api.test'::text, array[3]),"
    " array['default', 'two', 'default'], array['b', 'b', 'b'], array[false, false, false]"
)
EVENT = (
    "array['transcribe.so'], array['https://api.test'], array['default'], array['{id}'], array['4821'],"
    " array['transcription.completed'], array[null], array['x'::bytea], array['fp_1'], array[null], array[1],"
    " array['a title'], array[1, 1, 1], array['a', 'b', 'c'], array['webhook'], array[0.5], array[null]::timestamptz[],"
    " array[1], array[2], array['fp_1'], array[0.7], array[null]::timestamptz[], array[null]::timestamptz[],"
    " array[null]::text[]"
)
DOUBT = (
    "array_fill('transcribe.so'::text, array[3]), array_fill('https://api.test'::text, array[3]),"
    " array_fill('default'::text, array[3]), array['new', '300', '7503'], array_fill('transcription.completed'::text,"
    " array[3]), array['evt_new', 'evt_d300', 'evt_15007'], array[400, 400, 400], array[1, 2, 1]"
)
RUNNING = "array[4, 7], array[1, 1]"  # the jobs of the second and the third event that run, and their attempts
OLD = "now() - interval '100 min'"  # of 20,000 events, a second apart
HORIZON = f"{OLD}, now() - interval '150 min'"
MARKS = "array_fill('-infinity'::timestamptz, array[3]), array[0, 0, 0]"

LOOKED = {
    # The names of files.
    "handlers/file_names": Looked("'/notes', 'transcribe.so', 'https://api.test', '300'", 1),
    "handlers/take_file_name": Looked(
        "'/notes', 'talk 300', 'Talk 300', 'transcribe.so', 'https://api.test', '300', '{title}'", 1, 1
    ),
    "handlers/is_older_end": Looked("'/notes', 'talk 300', '2026'", 1),
    "handlers/note_file_end": Looked("'/notes', 'talk 300', '2026'", 1, 1),
    # A delivery.
    "inbox/append_events": Looked(EVENT.format(id="evt_new"), 10),
    "webhooks/verifying_secrets": Looked(f"{WHOSE}, array['tok7']", 1100),
    "inbox/unannounced": Looked(
        f"{ONE}, array['4821', '4822'], array_fill('transcription.completed'::text, array[2]),"
        " array[null, now()]::timestamptz[]",
        20,
    ),
    # A comparison with the provider's list.
    "reconciling/begin_accounts": Looked(WHOSE, 10),
    "reconciling/note_user": Looked(f"{ONE}, 'user'", 10, 1),
    "reconciling/times": Looked(ONE, 5),
    "reconciling/take_accounts": Looked(f"{WHOSE}, '2 min', 4", 20),
    "reconciling/hurry_accounts": Looked(f"{WHOSE}, '1 min'", 20),
    "reconciling/trouble": Looked(ONE, 5),
    "reconciling/keep_account": Looked(f"{ONE}, '-infinity', '2 min'", 20, 1),
    "reconciling/finish_account": Looked(f"{ONE}, '-infinity', now(), 0, null, '10 min'", 20, 1),
    "reconciling/note_transcriptions": Looked(
        f"{ONE}, array['1', '2'], array['completed', 'processing'], array['a', 'b'], array['fast', 'fast'],"
        " array[60, 60], array[now(), now()], array[now(), null], array[now(), now()]",
        40,
        2,
    ),
    "reconciling/known_under_way": Looked(f"{ONE}, array['1', '2']", 10),
    "reconciling/take_questions": Looked(f"{ONE}, now(), 20", 200, 20),
    "reconciling/forget_transcription": Looked(f"{ONE}, '1'", 5, 1),
    "reconciling/feed": Looked(f"{ONE}, array['fp_1', 'fp_2']", 300),
    "reconciling/usual_share": Looked(f"{ONE}, 'fast'", 60),
    "reconciling/overdue": Looked(f"{ONE}, array['1', '2']", 20),
    "reconciling/coverage": Looked(f"{ONE}, 100", 250),
    "reconciling/count_under_way": Looked(f"{ONE}, 10", 30),
    "submissions/note_restart": Looked(f"{ONE}, '1', 'processing'", 10, 1),
    "inbox/nudge": Looked("'channel'", 0),
    # A claim and its end.
    "inbox/claim_jobs": Looked(f"{QUEUES}, '5 min', 8, null, array[]::bigint[], array[8, 8, 8], {MARKS}", 100),
    "inbox/any_lapsed": Looked(f"{WHOSE}, array['a', 'b']", 10),
    "inbox/claim_lapsed_jobs": Looked(f"{WHOSE}, array['a', 'b'], '5 min', 8, null, array[]::bigint[]", 30),
    "inbox/due_jobs": Looked(f"{QUEUES}, 8, array[]::bigint[]", 30),
    "inbox/queues_due": Looked(f"{WHOSE}, array['a', 'b', 'c']", 30),
    "inbox/lapsed_jobs": Looked(f"{WHOSE}, array['a', 'b'], 8, array[]::bigint[]", 10),
    "inbox/renew_leases": Looked(f"{RUNNING}, '5 min'", 10, 4),
    "inbox/lock_job": Looked("7, 1", 5, 1),
    "inbox/settle_jobs": Looked(
        f"{RUNNING}, array['done', 'pending'], array['0', '1 min']::interval[],"
        " array[null, 'why'], array[0, 0], array['done', 'again'], array[now(), null], 'host/1'",
        10,
        4,
    ),
    "inbox/complete_job": Looked("7, 1, now(), 'host/1'", 5, 1),
    "inbox/release_jobs": Looked(f"{RUNNING}, array[now(), null], 'host/1'", 10, 4),
    "inbox/bury_job": Looked("7, 'why'", 5, 1),
    "inbox/oldest_due": Looked(QUEUES, 10),
    # Who runs.
    "health/see_process": Looked(
        "'00000000-0000-0000-0000-000000000001', 'web', 'https://api.test', 'host', 1, '1', '0', null", 5
    ),
    "health/leave_process": Looked("'00000000-0000-0000-0000-000000000001'", 5),
    "health/forget_processes": Looked("", 5),
    "health/missing_worker": Looked("array['a', 'b'], 'https://api.test', '10 s', '30 s'", 60),
    # What processes know.
    "health/tell": Looked(
        "'00000000-0000-0000-0000-000000000001', array['a[]', 'b[]'], array[2.0, 1.0], array[1.0, 0.0]", 15, 5
    ),
    "health/other_processes": Looked("'https://api.test', '5 s'", 5),
    "health/last_hour": Looked("", 5),
    "health/history": Looked("'5 min', 72", 5),
    "health/list_processes": Looked("'https://api.test', '10 s'", 5),
    "health/forget_minutes": Looked("", 5),
    "health/keep_refused": Looked("'1 s', null, null, null, 'token', 'mismatch', null, '', '', 10, 19", 50, 1),
    # `status` and metrics.
    "health/queue_states": Looked(f"{WHOSE}, 20", 500),
    "health/count_quarantined": Looked(f"{WHOSE}, 20", 60),
    "health/count_submissions": Looked(WHOSE, 240),
    "inbox/newest_dead": Looked(f"{WHOSE}, 20", 400),
    "submissions/count_events": Looked("100, 200", 120),
    "submissions/take_balance": Looked(f"{ONE}, '10 min'", 5, 1),
    # Notices.
    "worker/lock_noticed": Looked("'10 min', '1 d', '10 s'", 5),
    "worker/newly_dead": Looked("now() - interval '300 min', 0, now() - interval '10 s', 100", 220),
    "worker/advance_noticed": Looked("now(), 7, true", 5, 1),
    "worker/note_dead": Looked(f"{WHOSE}, 'receiver.dead', array['c'], array[2], array[now()], array['why']", 5, 1),
    "worker/take_dead": Looked("'receiver.dead', '1 h'", 5),
    "worker/note_costs": Looked(f"{WHOSE}, 'receiver.costs', array['2026-11 10']", 10, 1),
    # `check`.
    "health/clock_ahead": Looked("'https://api.test', 20", 300),
    "inbox/count_jobs": Looked(f"{WHOSE}, 20", 400),
    "inbox/recent_types": Looked("'https://api.test', 100", 250),
    "submissions/count_unresolved": Looked("", 110),
    "submissions/count_expired": Looked("", 60),
    # Lists, and names that a person gives.
    "inbox/newest_events": Looked("100, '[lL]ecture 7', null, 5, 'c', array['done', 'dead'], 19000", 5500),
    "inbox/newest_of_kinds": Looked(
        "'7 d', null, 'done', 5, 'c', array['done'], 'timbr-audio', 'two', 'transcription.*',"
        " now() - interval '9 d', 0, now(), 19000",
        120,
    ),
    "inbox/newest_about": Looked("'7 d', null, 'done', 5, 'c', null, null, null, 'transcription.*', '7503', 19000", 60),
    "inbox/newest_queued": Looked(
        "100, 'ecture', 'dead', 5, null, array['pending', 'running', 'dead', 'waiting'], null, null, null,"
        " now() + interval '20 d', 59000",
        400,
    ),
    "inbox/newest_with_jobs": Looked("100, null, 5, 'c', array['done', 'dead'], 19000", 100),
    "inbox/stretch": Looked("19000, 10000", 10),
    "inbox/list_kinds": Looked("", 60),
    "inbox/first_since": Looked("'7 d'", 50),
    "inbox/read_events": Looked("array[15007, 7, 19000]", 15),
    "inbox/read_jobs": Looked("array[15007, 7, 19000], null, array['done', 'dead', 'pending'], false, 50", 15),
    "inbox/dead_jobs": Looked("'c', 'transcription.*', '30 d'", 900),
    "inbox/dead_causes": Looked("'c', 'transcription.*', '30 d', true, 1000", 700),
    "inbox/waiting_jobs": Looked("'b', null, null, 50", 300, 0),
    "inbox/name_events": Looked("array[15007, 15008]", 10),
    "inbox/drop_jobs": Looked("array[21, 321], array[1, 1], array['dead', 'dead'], 'somebody@host', 'why'", 20, 6),
    "inbox/list_drops": Looked("15007", 10),
    "inbox/start_replay": Looked("'{}', 'somebody@host', array[21, 321], array[1, 1]", 10, 3),
    "inbox/count_listed": Looked("array[21, 321], array[1, 1]", 20),
    "inbox/advance_replay": Looked("20, 40", 150, 60),
    "inbox/list_replays": Looked("null, 20, 10000, null, 100", 400),
    "inbox/find_events": Looked("'evt_15007'", 60),
    "inbox/list_deliveries": Looked("15007", 5),
    "inbox/list_attempts": Looked("15007", 10),
    "inbox/find_late": Looked("15007", 5),
    "inbox/find_variants": Looked(f"{ONE}, 'evt_15007'", 10),
    "inbox/read_raw": Looked("15007", 5),
    "inbox/newest_key": Looked("", 5),
    "inbox/other_apis": Looked("'https://api.test'", 30),
    "inbox/test_event_after": Looked(f"{ONE}, 1500", 20),
    "inbox/has_ended": Looked("'https://api.test', '7503', 5", 10),
    "inbox/accept_quarantined": Looked("15007, 'evt_x', 'a.b', null, null, null", 5),
    "inbox/put_behind": Looked(f"{ONE}, array['evt_15007', 'evt_15008']", 20),
    "inbox/replay_jobs": Looked("15007, array['a', 'd']", 10),
    "webhooks/verified_events": Looked(f"{ONE}, array['fp_1', 'fp_2'], 20", 50),
    # Deliveries that were refused for their time.
    "webhooks/note_doubts": Looked(f"{DOUBT}, 60", 30, 2),
    "webhooks/take_doubts": Looked(f"{WHOSE}, '5 min', 5", 40, 5),
    "webhooks/looked_up": Looked("500, 'known'", 5, 1),
    "webhooks/forget_doubts": Looked("", 5),
    "webhooks/count_doubts": Looked("'https://api.test'", 160),
    # A prune.
    "inbox/count_old_events": Looked(f"{HORIZON}, 100", 410),
    "inbox/count_old_answers": Looked("now(), 20", 60),
    "inbox/lock_old_events": Looked(f"5000, {HORIZON}, 100", 500, 100),
    "inbox/prune_events": Looked(f"array{[*range(5001, 5101)]}, {HORIZON}", 3000, 250),
    "inbox/prune_transcriptions": Looked("now() - interval '5 h', 20", 50, 20),
    "inbox/prune_callbacks": Looked("now() - interval '5 h', 20", 50, 20),
    "inbox/prune_answers": Looked(
        "'transcribe.so', 'https://api.test', '1207', '', 'transcript', now() + interval '1 d', 20", 500, 10
    ),
    "submissions/count_old_artifacts": Looked("now(), 20", 100),
    "submissions/old_artifacts": Looked("'sub_7', now() + interval '1 d', 20", 300),
    # What was said.
    "library/has_unspaced": Looked("", 10),
    "library/find_candidates": Looked("'rare7', 3000, null, null, null, 'infinity', 9000, -1, 21", 200),
    "library/find_in_newest": Looked(
        "'often1', array['often1'], 'ecture', null, null, 'infinity', 9000, -1, 21, 250, false", 600
    ),
    "library/read_passages": Looked("array[7, 7, 9], array[1, 2, 1], 'rare7'", 10),
    "library/list_transcripts": Looked("'ecture', 'transcribe.so', '90 d', now(), 9000, 51", 60),
    "library/count_waiting": Looked("20", 30),
    "library/take_answer": Looked("", 15, 1),
    "library/read_answer": Looked("'transcribe.so', 'https://api.test', '7503', null", 20),
    "library/read_charges": Looked(f"{ONE}, '7503'", 20),
    "library/find_submitted": Looked(f"{WORKS}, 'job_7'", 10),
    "library/put_transcript": Looked(
        "'transcribe.so', 'https://api.test', '7', '', now(), null, now(), 'A title', 'en', 60, 1, 'english'", 40, 10
    ),
    "library/put_passages": Looked("7, array[10], array[1.0], array[null], array['said'], array['[]']", 5),
    # The provider.
    "providers/read_answer": Looked("'transcribe.so', 'https://api.test', '1207', '', 'transcript'", 5),
    "providers/newest_answer": Looked("'transcribe.so', 'https://api.test', '1207', '%'", 5),
    "providers/kept_timestamps": Looked("'transcribe.so', 'https://api.test', '1207', ''", 5),
    "providers/newest_event_about": Looked("'transcribe.so', 'https://api.test', '7504'", 10),
    "providers/apis_with_answer": Looked("'transcribe.so', '1207', '%'", 20),
    "providers/forget_answers": Looked("'transcribe.so', 'https://api.test', '1207', '%'", 5),
    "providers/missing_answers": Looked(
        "array[15007, 15008, 15009], 'transcribe.so', array['transcript', 'timestamps/youtube/%']", 30
    ),
    "providers/keep_answer": Looked("'transcribe.so', 'https://api.test', 'new', '', 'transcript', 'x'", 5),
    "providers/known_regenerations": Looked("'https://api.test', '1207', 'k1207', '23 h'", 5),
    "providers/lock_regeneration": Looked("1207, '23 h'", 5, 1),
    "providers/intend_regeneration": Looked(f"{ONE}, '7504', '', 'key', 'punchy', '', 'asked', 'a key', 'host/1'", 10),
    "providers/end_regeneration": Looked("1207, 'answered', null", 10),
    # Submissions.
    "submissions/accepted_works": Looked(f"{WORKS}, array['job_1', 'job_7']", 50),
    "submissions/advance_ledger": Looked("7", 5),
    "submissions/lock_ledger": Looked("'1 s'", 5, 1),
    "submissions/mark_ledger": Looked("", 10),
    "submissions/ledger_waits": Looked("", 10),
    "submissions/events_to_charge": Looked("15000, 15250", 260),
    "submissions/take_uncharged": Looked("250", 10),
    "submissions/charge_submission": Looked("'sub_7'", 20),
    "submissions/charge_end": Looked(f"{ONE}, '7503', now(), now(), 0.5, null, null, 15007, false", 20),
    "submissions/charge_retry": Looked(f"{ONE}, '7503', 0.5, null, null", 10),
    "submissions/announced": Looked("'sub_7', 'sub_7'", 10),
    "submissions/announced_end": Looked("'sub_7'", 10),
    "submissions/announced_ends": Looked("array['timbr-audio', 'transcribe.so'], 100", 210),
    "submissions/count_lost": Looked("'timbr-audio', 'https://api.test', 'key', 'separation'", 60),
    "submissions/count_waiting": Looked("", 160),
    "submissions/dead_work": Looked("'sub_7'", 10),
    "submissions/find_submission": Looked("'sub_7'", 5),
    "submissions/given_up": Looked(
        "array['timbr-audio'], array['https://api.test'], array['two'], 'submissions', 100", 200
    ),
    "submissions/has_work": Looked("'sub_7'", 10),
    "submissions/is_announced": Looked("'transcribe.so', 'https://api.test', 'a7', 'k7'", 60),
    "submissions/keyed_submissions": Looked("'k7'", 5),
    "submissions/left_out": Looked("'365 d', 5", 10),
    "submissions/list_submissions": Looked(
        "array['unknown', 'accepted', 'done'], 5, 'a.w', 'timbr-audio', 'two', '7 d', 'sub_7'", 225
    ),
    "submissions/lock_submission": Looked("'sub_7'", 5),
    "submissions/same_submissions": Looked(f"{WORKS}, 'k7'", 5),
    "submissions/states": Looked("array['sub_7', 'sub_9']", 5),
    "submissions/saw": Looked("array['sub_1'], array['x'], array[1.0], array[true], array['1 min'::interval]", 60),
    "submissions/take_looks": Looked(
        "array['timbr-audio'], array['https://api.test'], array['two'], '1 min', 100", 150
    ),
    "submissions/taken_works": Looked("'timbr-audio', 'https://api.test', 'key', array['job_7', 'job_9'], 'sub_9'", 10),
    "submissions/usual_share": Looked(f"{WORKS}, 'separation', ''", 50),
    "submissions/wake_submissions": Looked(
        "array['timbr-audio'], array['https://api.test'], array['two'], array['sub_7'], 'submissions'", 10
    ),
    # Webhooks.
    "webhooks/all_registrations": Looked("20", 60),
    "webhooks/find_callback": Looked("'tok7'", 5),
    "webhooks/find_registrations": Looked("'transcribe.so', 'https://api.test', 'a7', 'k7'", 60),
    "webhooks/unretired_registrations": Looked("'transcribe.so', 'https://api.test', 'a7'", 10),
    "webhooks/registrations_gone": Looked("'transcribe.so', 'https://api.test', 'a7', 'k7'", 60),
    "webhooks/intend_callback": Looked("'token', 'transcribe.so', 'https://api.test', 'default', 'key'", 5),
    "webhooks/complete_callback": Looked("'tok7', '7', 'secret', 'channel'", 5),
}

ONE_ROW = "one row, by its key"
ALL_OF_THEM = "a person drops all the jobs of a handler that is gone, and is told how many they are before"
OF_ONE = "rows of one transcription or one submission, by the first columns of their key"
NO_TABLE = "no table, or one that does not grow"
OF_A_SPAN = "the charges of the span of time that a person has asked for, by their index"
EXCUSED = {
    **dict.fromkeys((
        "database/applied_migrations", "database/bound_statements", "database/database_id",
        "database/deallocate_prepared", "database/discard_temporary", "database/durability", "database/fitness",
        "database/has_bookkeeping", "database/is_applied", "database/record_checksum", "database/record_migration",
        "database/reset_authorization", "database/reset_role", "database/room", "database/session_settings",
        "database/set_session", "library/bound_search",
        "database/try_lock", "database/unlock", "health/backend_pid", "health/database_facts",
        "console/note_address", "console/read_address", "console/read_key",
        "handlers/end_target", "handlers/target_ended", "handling/ended_targets", "handling/resume_target",
        "health/lacking_rights", "health/list_budgets", "health/list_refused", "health/newest_migration",
        "health/old_snapshots", "health/totals", "inbox/bound_prune", "inbox/estimate_old_events", "inbox/lock_gate",
        "reconciling/versions", "submissions/list_balances",
        "inbox/is_prune_due", "inbox/move_reconciliation", "inbox/old_before", "inbox/pruned",
        "providers/bound_idle_transaction", "providers/lock_answer", "submissions/lock_caller_key",
        "webhooks/lock_doubts",
    ), NO_TABLE),
    **dict.fromkeys((
        "providers/keep_token", "providers/lease_token", "providers/pause_turns",
        "providers/read_token", "providers/release_token", "providers/take_turn",
        "health/note_told", "submissions/intend_submission", "submissions/keep_balance", "submissions/keep_file_ids",
        "submissions/keep_terms",
        "submissions/keep_upload", "submissions/move_submission", "submissions/overdue", "submissions/sent_within",
        "inbox/steer_replay",
        "webhooks/complete_registration", "webhooks/intend_registration", "webhooks/retire_registrations",
    ), ONE_ROW),
    **dict.fromkeys((
        "handlers/store_chapters", "handlers/store_failure", "handlers/store_files", "handlers/store_qna",
        "handlers/store_sections", "handlers/store_timestamps", "handlers/store_transcript",
        "inbox/keep_artifacts", "inbox/list_artifacts", "submissions/forget_artifacts",
    ), OF_ONE),
    "inbox/orphaned_jobs": ALL_OF_THEM,
    "submissions/costs": OF_A_SPAN,
    "worker/month_costs": "the charges of a month, once in ten minutes, in a worker, if somebody wants that",
    "submissions/total_charges": "all charges, once a minute, in a worker: one can change long after it was made",
}  # fmt: skip


def statements() -> dict[str, str]:
    """Return the text of every statement, by its name."""
    folder = SQL / "queries"
    return {f"{path.parent.name}/{path.stem}": path.read_text() for path in sorted(folder.rglob("*.sql"))}


async def fill(connection: "asyncpg.Connection[asyncpg.Record]", events: int) -> None:
    """Store events and all that comes with them, and tell the planner."""
    for statement in FILL:
        await connection.execute(statement.format(events=events))


async def read(connection: "asyncpg.Connection[asyncpg.Record]", looked: Looked, text: str, mode: Mode) -> Reading:
    """Return what a statement reads. What it writes is taken back."""
    header = text.splitlines()[1]
    types = ", ".join(kind for _, _, kind in PARAMETER.findall(header)) if header.startswith("-- $1") else ""
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(f"set local plan_cache_mode = {mode}")
        await connection.execute(f"prepare looked{f'({types})' if types else ''} as {text}")
        call = f"looked{f'({looked.parameters})' if types else ''}"
        said = await connection.fetchval(f"explain (analyze, buffers, timing off, format json) execute {call}")
    finally:
        await transaction.rollback()
        await connection.execute("deallocate looked")
    (found,) = json.loads(said)
    return _reading(found, said)


def _reading(found: dict[str, Any], said: str) -> Reading:
    nodes = list(_nodes(found["Plan"]))
    scans = [node for node in nodes if "Relation Name" in node and node["Node Type"] != "ModifyTable"]
    rows = sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0))
        * node["Actual Loops"]
        for node in scans
    )
    whole = {
        node["Relation Name"]
        for node in scans
        if node["Node Type"] == "Seq Scan" and node["Actual Loops"] and node["Relation Name"] in GROWING
    }
    taken = sum(
        one["Actual Rows"] * one["Actual Loops"]
        for node in nodes
        for one in (node["Plans"] if node["Node Type"] == "ModifyTable" else [node])
        if node["Node Type"] in {"ModifyTable", "LockRows"}
    )
    pages = found["Plan"]["Shared Hit Blocks"] + found["Plan"]["Shared Read Blocks"]
    return Reading(round(rows), round(taken), pages, found["Execution Time"], frozenset(whole), said)


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for inner in node.get("Plans", ()):
        yield from _nodes(inner)


def wrong(looked: Looked, found: Reading) -> str:
    """Return what a statement reads that it should not, or finds not; empty if it does its work and reads little."""
    pages = PAGES_FOR_ALL + PAGES_A_ROW * looked.rows
    said = [f"the whole of {', '.join(sorted(found.whole))}"] if found.whole else []
    said += [f"more than {looked.rows} rows"] if found.rows > looked.rows else []
    said += [f"more than {pages} pages"] if found.pages > pages else []
    said += [f"only {found.taken} of {looked.takes} rows to lock and write"] if found.taken < looked.takes else []
    return "; ".join(said)
