"""`assistants.happenings`: events by what they have in common, and the life of one in words."""

import pytest

from receiver.assistants.happenings import HOPS, JOBS, LISTED_JOBS
from receiver.database import Pool
from tests.assistants.asking import Assistant, Failed
from tests.inbox.dying import store

EVIL = "answered 503\u202e for https://me:s3cret@crm.test/?sig=s3cret"
ATTEMPTS = """
    insert into receiver.attempts (job, attempt, worker, claimed_at, ended_at, outcome, error)
    select j.id, n, 'host/1', now() - interval '1 h' + n * interval '1 min',
        now() - interval '1 h' + n * interval '1 min 1 s', 'again', $2
    from receiver.jobs j, generate_series(1, $1::integer) n
"""


async def test_events_are_found_by_what_they_have_in_common(asker: Assistant, db: Pool) -> None:
    await store(db, "dead_", 3)
    await store(db, "done_", 2, state="done", handler="other", error=None, event_type="transcription.failed")
    first = await asker.ask("list_events", limit=2)
    rest = await asker.ask("list_events", limit=50, cursor=first["next"])
    assert [event["name"][14:] for event in (*first["events"], *rest["events"])] == [
        "done_2", "done_1", "dead_3", "dead_2", "dead_1"
    ]  # fmt: skip
    for given, number in (
        ({"state": "dead"}, 3), ({"handler": "other"}, 2), ({"type": "transcription.failed"}, 2), ({"id": "dead_2"}, 1),
        ({"title": "episode 1"}, 2), ({"since": "30m"}, 0), ({"source": "timbr"}, 0), ({"account": "default"}, 5),
    ):  # fmt: skip
        assert len((await asker.ask("list_events", **given))["events"]) == number, given
    for given, why in (
        ({"source": "nobody"}, "source:nobody is none"), ({"since": "soon"}, "since:soon is none"),
        ({"type": "a b"}, "is none: write"), ({"cursor": "x"}, "cursor: "), ({"state": "lost"}, "state: "),
        ({"state": "quarantined", "handler": "crm"}, "what is in quarantine could not be read"),
    ):  # fmt: skip
        with pytest.raises(Failed, match=why):
            await asker.ask("list_events", **given)


@pytest.mark.parametrize("title", ["//x", '"episode" 2', "\\", "x" * 500, "state:done"])
async def test_a_filter_is_heeded_whatever_characters_it_has(asker: Assistant, db: Pool, title: str) -> None:
    await store(db, "evt_", 3)
    assert (await asker.ask("list_events", title=title))["events"] == []
    await db.execute("update receiver.events set title = $1 where event_id = 'evt_2'", f"a {title} b")
    found = await asker.ask("list_events", title=title, handler="crm", source="transcribe.so", since="1d")
    assert [event["name"] for event in found["events"]] == ["transcribe.so/evt_2"]


async def test_long_filters_do_not_push_out_one_another(asker: Assistant, db: Pool) -> None:
    await store(db, "evt_", 1)
    long = dict.fromkeys(("handler", "account", "id", "title"), "x" * 500)
    assert (await asker.ask("list_events", **long, since="1d"))["events"] == []
    with pytest.raises(Failed, match="since:soon is none"):
        await asker.ask("list_events", **long, since="soon")


async def test_the_life_of_an_event_is_told_in_words_and_bounded(asker: Assistant, db: Pool) -> None:
    await store(db, "evt_", 1, error=EVIL)
    await db.execute(ATTEMPTS, HOPS + 3, EVIL)
    found = await asker.ask("explain_event", event="evt_1")
    said = "crm is dead after 3 attempts: answered 503\\u202e for https://crm.test/?…. It runs again only when somebody"
    assert found["in_words"] == [f"{said} replays it."]
    (life,) = found["lives"]
    assert len(life["steps"]) == HOPS
    assert life["steps"][-1]["outcome"] == "again"
    assert found["more"].startswith(f"left out: of each job only the last {HOPS} steps. `receiver show @")
    assert "s3cret" not in str(found)


async def test_many_jobs_of_one_event_are_some_of_them(asker: Assistant, db: Pool) -> None:
    await store(db, "evt_", 1)
    await db.execute(
        "insert into receiver.jobs (event, handler, source, api_url, account, state) select event, 'h' || n, source, "
        "api_url, account, 'done' from receiver.jobs, generate_series(1, 30) n"
    )
    found = await asker.ask("explain_event", event="evt_1")
    assert len(found["lives"]) == len(found["in_words"]) == JOBS
    assert found["more"].startswith("left out: 11 more jobs")
    (event,) = (await asker.ask("list_events"))["events"]
    assert (len(event["jobs"]), event["job_count"]) == (LISTED_JOBS, 31)


async def test_what_has_no_jobs_says_why(asker: Assistant, db: Pool) -> None:
    await store(db, "evt_", 2)
    await db.execute("delete from receiver.jobs")
    await db.execute("update receiver.events set unreadable = 'no JSON', type = null where event_id = 'evt_2'")
    assert (await asker.ask("explain_event", event="evt_1"))["in_words"] == ["No handler wants it, so it is done."]
    (said,) = (await asker.ask("explain_event", event="evt_2"))["in_words"]
    assert said == "It is authentic and its body cannot be read, so no handler runs: no JSON."
    with pytest.raises(Failed, match="there is no event evt_3"):
        await asker.ask("explain_event", event="evt_3")
