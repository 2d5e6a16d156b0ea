"""The commands that show and replay, as a user runs them."""

import base64
import json
import re

import pytest

from receiver import events, signature
from receiver.database import Pool
from receiver.inbox import deliveries, listing
from receiver.inbox.deliveries import Delivery
from tests.processes import SECRET, WAIT_SECONDS, Process, Processes, Web, completed

HANDLERS = """
import os

from receiver import Context, Event, GiveUp, handler


@handler("transcription.*")
async def first(event: Event, ctx: Context) -> None:
    pass


@handler("transcription.completed", "failing.event", sources=("transcribe.so",))
async def second(event: Event, ctx: Context) -> None:
    if not os.path.exists("mended"):
        raise GiveUp("broken\\nfor now")
"""


@pytest.fixture
def shared(processes: Processes, receiver_database: str) -> Processes:
    processes.environment["DATABASE_URL"] = receiver_database
    processes.write_handlers(some=HANDLERS)
    return processes


@pytest.fixture
def running(shared: Processes) -> tuple[Web, Process]:
    return shared.serve(), shared.start("work")


def test_events_and_show_and_jobs_print_what_is_stored(shared: Processes, running: tuple[Web, Process]) -> None:
    web, _ = running
    body = completed("evt_1", 77)
    for _ in range(2):
        web.deliver(body)
    web.deliver(b"not an event")
    quarantined, event = shared.settled()
    never = {"due_at": None, "waiting_since": None}
    assert event == {
        "key": event["key"], "source": "transcribe.so", "api_url": "http://127.0.0.1:1", "account": "default",
        "id": "evt_1", "type": "transcription.completed", "state": "dead",
        "received_at": event["received_at"], "deliveries": 2, "transcription_id": "77", "title": None,
        "origin": "webhook", "same_as": None,
        "jobs": [
            {"handler": "first", "state": "done", "attempt": 1, "error": None} | never,
            {"handler": "second", "state": "dead", "attempt": 1, "error": "broken\nfor now"} | never,
        ],
    }  # fmt: skip
    assert (quarantined["state"], quarantined["type"], quarantined["jobs"]) == ("quarantined", None, [])
    for name in ("evt_1", "transcribe.so/evt_1"):
        shown = json.loads(shared.run_inside("show", name, "--json").stdout)
        ended = [attempt for job in shown["jobs"] for attempt in job.pop("attempts")]
        assert {job.pop("idempotency_key")[:4] for job in shown["jobs"]} == {"rcv-"}
        assert [(one["attempt"], one["outcome"], one["error"]) for one in ended] == [
            (1, "done", None), (1, "dead", "broken\nfor now"),
        ]  # fmt: skip
        assert shown == event | {
            "delivered": shown["delivered"], "variants": [], "late": [], "pruned_at": None,
            "raw": base64.b64encode(body).decode(),
        }  # fmt: skip
        first, again = shown["delivered"]
        assert (first["number"], first["how"], first["at"]) == (1, "stored", event["received_at"])
        assert (again["number"], again["how"], again["secret"]) == (2, "repeat", signature.fingerprint(SECRET))
        assert 0 <= again["seconds_off"] < WAIT_SECONDS
    dead = json.loads(shared.run_inside("jobs", "--dead", "--json").stdout)
    about = {
        name: value for name, value in event.items() if name not in ("id", "state", "deliveries", "same_as", "jobs")
    }
    assert dead == [event["jobs"][1] | {"event": "transcribe.so/evt_1"} | about]
    assert len(json.loads(shared.run_inside("jobs", "--json").stdout)) == 2
    assert len(json.loads(shared.run_inside("events", "--json", "--limit", "1").stdout)) == 1
    assert "evt_1  transcription 77  delivered 2 times  first:done  second:dead" in shared.run_inside("events").stdout
    assert "second  dead, attempt 1: broken\\nfor now" in shared.run_inside("show", "evt_1").stdout
    assert re.search(
        r"Z  attempt 1 dead after \d+\.\d\d s on \S+/\d+: broken\\nfor", shared.run_inside("show", "evt_1").stdout
    )
    assert "quarantined: it is not JSON" in shared.run_inside("show", quarantined["id"]).stdout
    line = "Z  transcribe.so/evt_1  transcription 77  second  dead, attempt 1: broken\\nfor now\n"
    assert shared.run_inside("jobs", "--dead").stdout.endswith(line)


def test_replay_runs_done_and_dead_jobs_again(shared: Processes, running: tuple[Web, Process]) -> None:
    web, _ = running
    web.deliver(completed("evt_1"))
    shared.settled()
    (shared.folder / "mended").touch()
    ran = shared.run("replay", "evt_1", "--json")
    assert json.loads(ran.stdout) == {
        "event": "evt_1", "jobs_of": "evt_1", "pending": ["first", "second"], "running": [],
    }  # fmt: skip
    assert [job["attempt"] for job in shared.settled()[0]["jobs"]] == [2, 2]
    assert shared.run("replay", "evt_1", "--handler", "second").stdout == "pending again: second\n"
    event = shared.settled()[0]
    assert event["state"] == "done"
    assert [job["attempt"] for job in event["jobs"]] == [2, 3]


def test_replay_gives_a_job_to_a_handler_that_is_new(shared: Processes, running: tuple[Web, Process]) -> None:
    web, worker = running
    web.deliver(completed("evt_1", event_type="transcription.failed"))
    shared.settled()
    worker.end()
    shared.write_handlers(third=HANDLERS.replace("first", "third").replace("second", "fourth"))
    shared.run("replay", "evt_1", "--handler", "third")
    shared.start("work")
    assert [job["handler"] for job in shared.settled()[0]["jobs"]] == ["first", "third"]
    shared.sql(
        "insert into receiver.jobs (event, source, api_url, account, handler, state) "
        "select id, source, api_url, account, 'gone', 'dead' from receiver.events"
    )
    assert "left alone, because there is no such handler: gone" in shared.run("replay", "evt_1").stderr


def test_replay_leaves_a_running_job_alone(shared: Processes, running: tuple[Web, Process]) -> None:
    web, _ = running
    web.deliver(completed("evt_1"))
    shared.settled()
    shared.sql("update receiver.jobs set state = 'running', due_at = now() + interval '1 hour' where handler = 'first'")
    ran = shared.run("replay", "evt_1")
    assert (ran.returncode, ran.stdout) == (1, "pending again: second\n")
    assert "running, so left alone: first" in ran.stderr
    alone = shared.run("replay", "evt_1", "--handler", "first")
    assert (alone.returncode, alone.stdout) == (1, "")
    assert "running, so left alone: first; replay when they have ended" in alone.stderr


def test_replay_reads_a_quarantined_body_again(shared: Processes, running: tuple[Web, Process]) -> None:
    """A newer version may be able to read a body that an older one could not."""
    web, _ = running
    web.deliver(b"not an event")
    name = shared.settled()[0]["id"]
    ran = shared.run("replay", name)
    assert (ran.returncode, "it still cannot be read: it is not JSON" in ran.stderr) == (1, True)
    web.deliver(completed("evt_1"))
    shared.sql(
        "update receiver.events set event_id = 'hash', type = null, unreadable = 'too new' where event_id = 'evt_1'"
    )
    shared.sql("delete from receiver.jobs")
    (shared.folder / "mended").touch()
    assert shared.run("replay", "hash").returncode == 0
    event = shared.settled()[0]
    assert (event["id"], event["state"], event["transcription_id"]) == ("evt_1", "done", "4821")
    shared.sql(
        "insert into receiver.events (source, event_id, api_url, unreadable, raw, secret_fingerprint, origin) "
        "select source, 'other', api_url, 'too new', raw, 'f', 'webhook' from receiver.events where event_id = 'evt_1'"
    )
    assert "its event evt_1 is already stored" in shared.run("replay", "other").stderr


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("show", "evt_none"), 1, "there is no event evt_none; `receiver events` lists them"),
        (("replay", "evt_none"), 1, "there is no event evt_none"),
        (("show", ""), 1, "EVENT is empty; `receiver events` lists them"),
        (("replay", "evt_1", "--handler", "nobody"), 1, "there is no handler nobody; there are first, second"),
        (("transcript", "4821"), 1, "not stored: the transcript of 4821; set TRANSCRIBE_API_KEY"),
        (
            ("timestamps", "4821", "--format", "spotify"),
            1,
            "not stored: the spotify timestamps of 4821; set TRANSCRIBE_API_KEY",
        ),
        (("events",), 0, "no events yet"),
        (("jobs",), 0, "no jobs yet"),
        (("events", "--limit", "-1"), 2, "Usage: "),
        (("send",), 2, "give either FILE or --sample"),
        (("nonsense",), 2, "No such command"),
        (("register",), 1, "set PUBLIC_URL to where the provider reaches this receiver, or pass --url\n"),
        (("register", "--url", "http://x/"), 1, "TRANSCRIBE_API_KEY is not set"),
        (("test-event",), 1, "TRANSCRIBE_API_KEY is not set"),
        (("register", "--url", "example.com"), 2, "'--url': must be an address like https://example.com"),
        (
            ("send", "--sample", "test", "--url", "HTTP://127.0.0.1:1/"),
            1,
            (
                "http://127.0.0.1:1/webhooks/transcribe-so does not answer (connection refused): run `receiver up`, "
                "set PORT to its port, or pass --url\n"
            ),
        ),
    ],
)
def test_what_cannot_be_done_says_why(shared: Processes, arguments: tuple[str, ...], status: int, said: str) -> None:
    ended, _, stderr = end(shared, *arguments)
    assert ended == status
    assert said in stderr
    assert "Traceback" not in stderr


def end(processes: Processes, command: str, *arguments: str) -> tuple[int, str, str]:
    """Run a command, in a process of its own if it looks for handlers; returns its exit status, stdout and stderr."""
    if command in ("replay", "check"):
        ran = processes.run(command, *arguments)
        return ran.returncode, ran.stdout, ran.stderr
    read = processes.run_inside(command, *arguments)
    return read.exit_code, read.stdout, read.stderr


@pytest.mark.parametrize("command", ["events", "show x", "jobs", "transcript 1", "timestamps 1", "replay x", "check"])
def test_reading_commands_make_no_database(processes: Processes, command: str) -> None:
    status, stdout, stderr = end(processes, *command.split())
    assert status == 1
    assert "run `receiver up`, or set RECEIVER_DATA_DIR" in stderr + stdout
    assert not (processes.folder / ".receiver").exists()


def test_an_id_that_two_sources_use_must_be_said_in_full(shared: Processes) -> None:
    shared.sql(
        "insert into receiver.events (source, event_id, api_url, type, raw, secret_fingerprint, origin) "
        "select source, 'evt_1', 'x', 'some.event', convert_to(source, 'UTF8'), 'f', 'webhook' "
        "from unnest(array['a', 'b']) source"
    )
    ran = shared.run_inside("show", "evt_1")
    for source in ("a", "b"):
        assert f"some.event               evt_1  {source}  no handler\n" in shared.run_inside("events").stdout
    assert "  no handler wants it, so it is done\n" in shared.run_inside("show", "b/evt_1").stdout
    assert "evt_1 means several events: say which of @2 (some.event b/evt_1 of x, received 20" in ran.stderr
    assert shared.run("replay", "evt_1").stderr == ran.stderr
    assert json.loads(shared.run_inside("show", "@1", "--json").stdout)["source"] == "a"
    assert base64.b64decode(json.loads(shared.run_inside("show", "b/evt_1", "--json").stdout)["raw"]) == b"b"


def test_a_notice_is_shown_as_ours_whatever_it_holds(shared: Processes) -> None:
    for number, data in enumerate(({"dead": {"handler": "files", "jobs": 2}}, {"dead": ["files"]}, None)):
        body = {"id": f"evt_dead_{number}", "event": "receiver.dead", "data": data}
        shared.sql(
            "insert into receiver.events (source, event_id, api_url, type, raw, secret_fingerprint, origin) values "
            f"('transcribe.so', '{body['id']}', 'x', 'receiver.dead', convert_to('{json.dumps(body)}', 'UTF8'), '', "
            "'notice')"
        )
        assert f"receiver.dead            {body['id']}  no handler\n" in shared.run_inside("events").stdout
        shown = shared.run_inside("show", str(body["id"])).stdout
        assert "  of transcribe.so, account default, at x; we wrote it about this service\n" in shown
        assert ("files" in shown) == (data is not None)


def test_an_event_of_an_origin_that_only_a_later_version_knows_is_shown(shared: Processes) -> None:
    shared.sql("alter table receiver.events drop constraint events_origin_check")
    shared.sql(
        "insert into receiver.events (source, event_id, api_url, type, raw, secret_fingerprint, origin) "
        "values ('a', 'evt_1', 'x', 'some.event', '{}', '', 'dreamt')"
    )
    assert "  of a, account default, at x; dreamt\n" in shared.run_inside("show", "evt_1").stdout


def test_handlers_lists_what_is_found(shared: Processes) -> None:
    found = json.loads(shared.run("handlers", "--json").stdout)
    assert [(h["name"], h["patterns"], h["sources"]) for h in found] == [
        ("first", ["transcription.*"], None),
        ("second", ["transcription.completed", "failing.event"], ["transcribe.so"]),
    ]
    assert {(h["module"], h["file"]) for h in found} == {("handlers.some", str(shared.folder / "handlers" / "some.py"))}
    lines = shared.run("handlers").stdout.splitlines()
    assert [line.split()[0] for line in lines if line.endswith("handlers/some.py")] == ["first", "second"]
    assert [line for line in lines if line.startswith(" ")] == [f"{'':<25}of transcribe.so"]
    web = shared.serve()
    assert "with 2 handlers: first (handlers/some.py), second (handlers/some.py)\n" in web.log


def test_send_delivers_a_file_byte_for_byte(shared: Processes, running: tuple[Web, Process]) -> None:
    web, _ = running
    body = b'{ "id": "evt_file",  "event": "some.event" }\n'
    file = shared.folder / "event.json"
    file.write_bytes(body)
    target = f"{web.url}/webhooks/transcribe-so"
    assert shared.run_inside("send", str(file), "--url", target).stdout == '200 {"status":"stored"}\n'
    again = json.loads(shared.run_inside("send", str(file), "--json", PORT=str(web.port)).stdout)
    assert (again["status"], json.loads(again["answer"])) == (200, {"status": "duplicate"})
    shown = json.loads(shared.run_inside("show", "evt_file", "--json").stdout)
    assert base64.b64decode(shown["raw"]) == body
    assert shared.run_inside("show", "evt_file").stdout.endswith('\n{ "id": "evt_file",  "event": "some.event" }\n')
    for sample in ("completed", "failed", "test"):
        assert shared.run_inside("send", "--sample", sample, "--url", target).exit_code == 0
    refused = shared.run_inside("send", str(file), "--url", target, TRANSCRIBE_WEBHOOK_SECRET="wrong")
    assert (refused.exit_code, refused.stdout.startswith("401 ")) == (1, True)
    unknown = shared.run_inside("send", str(file), "--url", target, TRANSCRIBE_WEBHOOK_SECRET="")
    assert "no secret is known for http://127.0.0.1:1" in unknown.stderr


def test_a_database_that_is_away_is_one_line(processes: Processes) -> None:
    ran = processes.run_inside("events", DATABASE_URL="postgresql://u:sesame@127.0.0.1:1/d")
    assert (ran.exit_code, ran.stderr.count("\n")) == (1, 1)
    assert "u@127.0.0.1:1/d does not answer (connection refused)" in ran.stderr
    assert "sesame" not in ran.stderr


async def test_a_replay_believes_a_callbacks_secret_of_its_own_transcription_alone(shared: Processes, db: Pool) -> None:
    """This holds also when a newer version can read the quarantined body."""
    foreign = events.unreadable("transcribe.so", completed("evt_true", 4821), "whatever it was")
    own = events.unreadable("transcribe.so", completed("evt_own", 666), "an earlier version could not read it")
    async with db.acquire() as connection:
        api = shared.environment["TRANSCRIBE_API_URL"]
        for content in (foreign, own):
            await deliveries.append(connection, [Delivery(content, api, "f", callback_for="666")])
    refused = shared.run("replay", foreign.id)
    assert refused.returncode == 1
    assert "it is not about the transcription whose callback it came to" in refused.stderr
    assert shared.run("replay", own.id, "--json").returncode == 0
    assert {one.id: one.state for one in await listing.recent(db)} == {
        foreign.id: "quarantined",
        "evt_own": "pending",
    }
    shared.serve().deliver(completed("evt_true", 4821))
    (true,) = await listing.find(db, "evt_true")
    assert (true.state, len(true.jobs)) == ("pending", 2)


def test_show_tells_of_other_bytes_that_came_under_the_same_id(shared: Processes, running: tuple[Web, Process]) -> None:
    web, _ = running
    assert web.deliver(completed("evt_1", 77)).json() == {"status": "stored"}
    assert web.deliver(completed("evt_1", 77) + b" ").json() == {"status": "quarantined"}
    (variant,) = json.loads(shared.run_inside("show", "77", "--json").stdout)["variants"]
    assert re.search(
        rf"another body with this id, quarantined: @\d+ {variant}\n", shared.run_inside("show", "77").stdout
    )
    assert "another body came before under its id, evt_1" in shared.run_inside("show", variant).stdout


# --- looked up by what people know -----------------------------------------------------------------------------------

KNOWN = (
    """
    insert into receiver.events (
        source, event_id, api_url, account, type, unreadable, transcription_id, title, raw, secret_fingerprint, origin,
        same_as, received_at
    )
    values
        ('transcribe.so', 'evt_1', 'u', 'default', 'transcription.completed', null, '4821', 'Lecture 7', 'x', 'f',
            'webhook', null, now() - interval '2 days'),
        ('transcribe.so', 'evt_2', 'u', 'two', 'transcription.failed', null, '4821', 'Lecture 7', 'x', 'f',
            'reconciled', null, now()),
        ('timbr', 'evt_3', 'u', 'default', 'transcription.completed', null, 'sub_1', E'ta\\x1b[31mlk', 'x', '',
            'submission', null, now()),
        ('transcribe.so', 'evt_4', 'u', 'default', null, 'it is not JSON', null, null, 'x', 'f',
            'callback', null, now()),
        ('transcribe.so', 'evt_5', 'u', 'default', 'transcription.completed', null, '7', null, 'x', 'f',
            'webhook', 2, now())
    """,
    """
    insert into receiver.jobs (event, handler, source, api_url, account, state, attempt, due_at, error, waiting_since)
    values
        (1, 'first', 'transcribe.so', 'u', 'default', 'done', 1, now(), null, null),
        (1, 'second', 'transcribe.so', 'u', 'default', 'pending', 3, now() + interval '90 s', 'top up',
            now() - interval '3 hours'),
        (2, 'first', 'transcribe.so', 'u', 'two', 'dead', 1, now(), 'broken', null),
        (3, 'first', 'timbr', 'u', 'default', 'pending', 2, now() + interval '90 s', 'broken', null)
    """,
)


@pytest.fixture
def known(shared: Processes) -> Processes:
    for statement in KNOWN:
        shared.sql(statement)
    return shared


def test_events_are_listed_by_what_people_know_of_them(known: Processes) -> None:
    cases = {
        "4821": "21", "sub_1": "3", "--title LECTURE": "21", "--type transcription.*": "5321", "--type *": "54321",
        "--type transcription.failed": "2", "--source timbr": "3", "--account two": "2", "--handler second": "1",
        "--state pending": "31", "--state dead": "2", "--state quarantined": "4", "--state done": "5",
        "--since 1d": "5432", "--since 1d --title lecture 4821": "2", "--state pending --handler first": "3",
        "--title nothing": "", "--limit 2": "54",
    }  # fmt: skip
    found = {}
    for options in cases:
        listed = json.loads(known.run_inside("events", *options.split(), "--json").stdout)
        found[options] = "".join(event["id"].removeprefix("evt_") for event in listed)
    assert found == cases


def test_jobs_are_listed_by_what_people_know_of_them(known: Processes) -> None:
    cases = {
        "4821": "2 first, 1 second, 1 first", "--title lecture --state done": "1 first", "--source timbr": "3 first",
        "--type transcription.failed": "2 first", "--account two": "2 first", "--handler second": "1 second",
        "--dead": "2 first", "--waiting": "1 second", "--waiting 4821": "1 second", "--waiting --handler first": "",
        "--state pending": "3 first, 1 second", "--state running": "", "--state dropped": "",
        "--since 1d": "3 first, 2 first", "--limit 1": "3 first",
    }  # fmt: skip
    found = {}
    for options in cases:
        listed = json.loads(known.run_inside("jobs", *options.split(), "--json").stdout)
        found[options] = ", ".join(f"{job['event'].partition('evt_')[2]} {job['handler']}" for job in listed)
    assert found == cases


def _timeless(line: str) -> str:
    """Return a line without the time until its job is due, which goes on while a command runs."""
    return re.sub(r", due in [0-9]+ (s|min)", ", due", line)


def test_lists_show_title_time_and_transcription_and_what_a_job_waits_for(known: Processes) -> None:
    late, _, talk, failed, _ = known.run_inside("events").stdout.splitlines()
    assert re.fullmatch(
        r"[0-9-]+ [0-9:]+Z  dead  .*  evt_2  transcribe.so/two  transcription 4821  “Lecture 7”  first:dead", failed
    )
    assert "evt_2  transcribe.so/two  transcription 4821  " in known.run_inside("jobs", "--dead").stdout
    assert "transcription sub_1  “ta\\x1b[31mlk”" in talk
    assert late.endswith("evt_5  transcription 7  same as @2")
    talks, _, waiting, _ = map(_timeless, known.run_inside("jobs").stdout.splitlines())
    assert talks.endswith("  first  pending, attempt 2, due: broken")
    assert re.fullmatch(
        r"[0-9-]+ [0-9:]+Z  transcribe.so/evt_1  transcription 4821  “Lecture 7”  second  waiting for 3 h, "
        r"since [0-9-]+ [0-9:]+Z, attempt 3, due: top up",
        waiting,
    )
    assert _timeless(known.run_inside("jobs", "--waiting").stdout) == waiting + "\n"
    (job,) = json.loads(known.run_inside("jobs", "--waiting", "--json").stdout)
    assert (job["title"], job["transcription_id"], job["state"]) == ("Lecture 7", "4821", "pending")
    assert job["waiting_since"] < job["due_at"]


def test_show_says_where_an_event_comes_from(known: Processes) -> None:
    said = {
        "evt_1": "  of transcribe.so, account default, at u; it came to the webhook\n",
        "evt_2": "  of transcribe.so, account two, at u; we found it in the provider's list, because no webhook had ",
        "evt_3": "  of timbr, account default, at u; we wrote it about a submission\n",
        "evt_4": "  of transcribe.so, account default, at u; it came to a callback\n",
        "evt_5": "  came late: its jobs are those of @2, which was made before because no webhook had come\n",
    }
    for name, line in said.items():
        assert line in known.run_inside("show", name).stdout
    assert json.loads(known.run_inside("show", "evt_5", "--json").stdout)["same_as"] == 2
    assert (
        "  a webhook came late for it, and has no jobs of its own: @5 evt_5\n" in known.run_inside("show", "@2").stdout
    )
    assert json.loads(known.run_inside("show", "@2", "--json").stdout)["late"] == ["evt_5"]
    replayed = known.run_inside("replay", "evt_5").stdout
    assert replayed.endswith("; the webhook came late, so these are jobs of transcribe.so/evt_2\n")
    refused = known.run_inside("show", "4821").stderr
    assert (
        "4821 means several events: say which of @2 (transcription.failed transcribe.so/evt_2 about 4821 “Lecture "
        in (refused)
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("events", "--type", "Transcription"), "write transcription.failed, or a family: 'transcription.*'"),
        (("events", "--source", "nobody"), "'nobody' is not one of 'transcribe.so', 'timbr'"),
        (("events", "--state", "running"), "'running' is not one of 'pending', 'done', 'dead', 'quarantined'"),
        (("events", "--state", "quarantined", "--type", "a.b"), "what is in quarantine could not be read"),
        (("events", "--state", "quarantined", "--handler", "a"), "so it has no type and no jobs"),
        (("events", "--since", "7"), "'7' is not a duration"),
        (("jobs", "--state", "quarantined"), "is not one of 'pending', 'running', 'done', 'dead', 'dropped'"),
        (("jobs", "--dead", "--state", "done"), "--state, --dead and --waiting exclude each other"),
        (("jobs", "--dead", "--waiting"), "--state, --dead and --waiting exclude each other"),
    ],
)  # fmt: skip
def test_a_filter_that_makes_no_sense_is_refused(shared: Processes, arguments: tuple[str, ...], said: str) -> None:
    ran = shared.run_inside(*arguments)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert said in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("events", "4821"), "no such events"), (("jobs", "4821"), "no such jobs"),
        (("jobs", "--dead"), "no dead jobs"),
        (("jobs", "--dead", "--title", "x"), "no such jobs"), (("jobs", "--waiting"), "no waiting jobs"),
        (("jobs", "--state", "running"), "no running jobs"),
        (("events", "--account", "nosuch"), "no such events\nno account is called nosuch here, only default"),
        (("jobs", "--account", "nosuch"), "no such jobs\nno account is called nosuch here, only default"),
    ],
)  # fmt: skip
def test_an_empty_list_says_what_is_not_there(shared: Processes, arguments: tuple[str, ...], said: str) -> None:
    assert shared.run_inside(*arguments).stderr == f"{said}\n"


@pytest.mark.parametrize("command", ["events", "jobs"])
def test_a_list_of_a_handler_that_does_not_exist_says_which_do(shared: Processes, command: str) -> None:
    said = shared.run_inside(command, "--handler", "nosuch").stderr
    assert f"no such {command}\nthere is no handler nosuch; there are " in said
