"""`sandbox`: the simulated providers as a process."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, get_args, get_type_hints

import click

from receiver.cli.options import FiniteRange, WholeRange, examples, until_eof
from receiver.cli.process import configure, run, stop_event
from receiver.cli.up.line import beat, report_ready
from receiver.cli.up.simulation import variables
from receiver.health.organs import Organs
from receiver.logs import say
from receiver.sandbox import Knobs, Sandbox, application
from receiver.server import bind
from receiver.server import serve as serve_on

DEFAULT = Knobs()
OTHERS = ("thunderscribe", "timbr", "fishaudio", "timbr_audio")
KNOBS = {
    "second_webhook": "What a second registration with one key does.",
    "retry_stamp": "Whether a retried delivery gets a new signature or keeps the t of its first attempt.",
    "retry_id": "Whether a retried delivery keeps its event id.",
    "success": "How a success changes the count of failures in a row.",
    "test_events": "Whether a failed webhook.test counts as a failure.",
    "webhook_methods": "Whether GET and DELETE /webhooks exist; if not, how they are answered.",
    "list_digits": "How many digits a list and GET write behind a time's second; offset: three and +02:00.",
    "completed_at": "Who tells when a transcription ended: list means the list and GET.",
    "attempts": "The most deliveries of one event.",
}
THUNDERSCRIBE = {
    "text": "How response_format=text is answered.",
    "words": "Where the words of a transcript are.",
    "paths": "Which version of the path of transcriptions exists.",
    "lost_pieces": "Whether a piece of an upload counts if a fault loses its answer.",
}
TIMBR = {
    "status": "The word for a task that is done; the words for other states go with it.",
    "errors": "Whether refusals of Timbr's endpoints have status 200 or one of their own.",
    "links": "How long the links of a task's files live, in Timbr's time.",
    "expires_in": "The unit in which the life of a token is told.",
    "first_bearer": "Whether a request for a token needs a key or token too.",
}
FISHAUDIO = {
    "no_credits": "The status of what the account cannot pay.",
    "segments": "What the segments of a transcript have; absent leaves them out.",
    "duration": "The unit of a transcript's duration.",
    "profile": "Whether GET /profile exists and tells the credits that are left.",
}
TIMBR_AUDIO = {
    "upload_path": "Where a file is announced.",
    "list": "Whether GET /v1/jobs exists.",
    "names_file": "Whether a job says which file it is about.",
    "confirm": "After how many seconds of its time it knows a file that was sent.",
    "stems": "The name of the stem with what is said.",
    "result": "Whether the links of a job are a map by name or a list.",
    "links": "After how many seconds of its time a link dies.",
}
MORE = """

\b
Plan faults while the sandbox runs; no key is needed. Fields of a fault:
  kind      500, 429, slow, malformed, html, truncated, huge, redirect or hang
  endpoint  the end of a path; * stands for anything
  times     how many requests it hits (1)
  method    default: any
  seconds   how long slow takes (5)

\b
  curl localhost:9000/sandbox/faults -d '{"endpoint": "/result", "kind": "500", "times": 3}'
  curl localhost:9000/sandbox/faults -d '{"endpoint": "/transcriptions", "method": "POST", "kind": "hang"}'
  curl localhost:9000/sandbox/faults -d '{"endpoint": "/files/*", "kind": "slow", "seconds": 2}'
  curl localhost:9000/sandbox/faults                  show the faults still planned
  curl localhost:9000/sandbox/faults -X DELETE        cancel all of them

\b
These need no key either:
  curl localhost:9000/sandbox/requests                the times of the last 10,000 requests
  curl localhost:9000/sandbox/charges                 whatever was billed, by account
  curl localhost:9000/sandbox/uploads                 size and SHA-256 of each uploaded file
  curl localhost:9000/sandbox/webhooks/enable -X POST switch webhooks on again, as in the dashboard
  curl localhost:9000/sandbox/webhooks/disable -X POST switch them off, as after five failures

\b
Withhold announcements of ends, to see what finds them. A new order replaces the one before. Fields of an order:
  kind      drop (never sent) or hold (sent when released)
  every     which of those to come: 5 is each fifth (1)
  times     how many to withhold (1)

\b
  curl localhost:9000/sandbox/announcements -d '{"kind": "drop", "every": 5, "times": 100}'
  curl localhost:9000/sandbox/announcements -d '{"kind": "hold", "times": 100}'
  curl localhost:9000/sandbox/announcements/release -d '{"count": 30}' send 30 of them; without a count all
  curl localhost:9000/sandbox/announcements           what is ordered, was dropped and is held
  curl localhost:9000/sandbox/announcements -X DELETE withhold no more

\b
Make transcriptions that nobody announces, as if the account had them before. Fields:
  status          completed (default), failed, cancelled, quoted, queued or processing; the last two never end
  count           how many (1)
  ended_days_ago  how long ago the newest ended, or was submitted if it has not ended (0)
  over_days       over how many days before that they are spread; 0: all at the same time (1)
  by_api          whether the API submitted them, or the dashboard (true)
  completed_at    whether they have one (true)
  key             whose they are; default: every key that the sandbox has met

\b
  curl localhost:9000/sandbox/transcriptions -d '{"count": 300, "ended_days_ago": 40, "over_days": 30}'

\b
A word in the name of a recording (its address or file name) decides how its transcription turns out:
  fail, fail-once (until it is retried), cancel, empty, no-chapters, no-speakers, late-start,
  close-chapters, two-hours, hundred-hours, bad-srt, huge-stem (or huge-stem-1024mb: so large)
"""


def _knobs(defaults: object, texts: dict[str, str], prefix: str = "") -> Callable[..., Callable[..., None]]:
    """Return a decorator that adds an option for each of these choices of a provider."""
    types = get_type_hints(type(defaults))

    def add(command: Callable[..., None]) -> Callable[..., None]:
        for name, text in reversed(texts.items()):
            choices = {str(value): value for value in get_args(types[name])}
            command = click.option(
                f"--{prefix}{name.replace('_', '-')}", type=click.Choice(list(choices)),
                default=str(getattr(defaults, name)), show_default=True, help=text,
                callback=lambda _, __, chosen, choices=choices: choices[chosen],
            )(command)  # fmt: skip
        return command

    return add


def _of(defaults: Any, prefix: str, options: dict[str, Any]) -> Any:
    """Take a provider's options out of all, and return them as its knobs."""
    return replace(defaults, **{field.name: options.pop(prefix + field.name) for field in fields(defaults)})


@click.command(
    epilog=examples("receiver sandbox", "receiver sandbox --port 9100 --speed 1 --second-webhook 409 --seed 7") + MORE
)
@click.option("--port", type=WholeRange(1, 65535), default=9000, show_default=True, help="Listen on this port.")
@click.option(
    "--speed",
    type=FiniteRange(min=0.001),
    default=60.0,
    show_default=True,
    help="How many times faster than real time it works.",
)
@click.option(
    "--seed", type=int, help="Make the same ids, secrets and durations, in the same order, at every run with this seed."
)
@click.option(
    "--wallet", type=FiniteRange(min=0), default=DEFAULT.wallet, show_default=True,
    help="How much play money each key has, in USD.",
)  # fmt: skip
@click.option(
    "--stamp-age", type=FiniteRange(min=0), default=DEFAULT.stamp_age, show_default=True,
    help="How many seconds the t of every signature is old.",
)  # fmt: skip
@_knobs(DEFAULT, KNOBS)
@_knobs(DEFAULT.thunderscribe, THUNDERSCRIBE, "thunderscribe-")
@click.option(
    "--thunderscribe-cut-seconds", type=FiniteRange(min=0),
    help="After how many seconds of its time a proxy answers 524 instead of ThunderScribe. Default: never.",
)  # fmt: skip
@_knobs(DEFAULT.fishaudio, FISHAUDIO, "fishaudio-")
@click.option(
    "--fishaudio-credits", type=FiniteRange(min=0), default=DEFAULT.fishaudio.credits, show_default=True,
    help="How many credits each key has.",
)  # fmt: skip
@_knobs(DEFAULT.timbr, TIMBR, "timbr-")
@_knobs(DEFAULT.timbr_audio, TIMBR_AUDIO, "timbr-audio-")
@click.option(
    "--timbr-audio-credits", type=FiniteRange(min=0), default=DEFAULT.timbr_audio.credits, show_default=True,
    help="How many credits each key has.",
)  # fmt: skip
@until_eof
def sandbox(port: int, speed: float, seed: int | None, *, until_eof: bool, **knobs: Any) -> None:
    """Run simulated providers on 127.0.0.1, in memory.

    transcribe.so is at /. It accepts every key that begins with tsk_live_ or tsk_test_.

    ThunderScribe is at /thunderscribe, Timbr at /timbr, fishaudio at /fishaudio, the Timbr audio API at /timbr-audio.
    They accept every key.
    """
    others = {name: _of(getattr(DEFAULT, name), f"{name}_", knobs) for name in OTHERS}
    chosen = Knobs(**knobs, **others)
    configure(for_long=True)
    listener = bind("127.0.0.1", port, advice="pass another --port")

    async def main() -> None:
        stop = stop_event(with_stdin=until_eof)
        simulated = Sandbox(speed=speed, seed=seed, knobs=chosen)

        async def stop_with_us() -> None:
            await stop.wait()
            simulated.stop()

        organs = Organs({"letting go": stop_with_us})
        if until_eof:
            organs.add("line", beat)
            report_ready()
        else:
            pairs = (f"{name}={value}" for name, value in variables(f"http://127.0.0.1:{port}").items())
            say(f"sandbox: export {' '.join(pairs)}")
        try:
            async with organs:
                await serve_on(application(simulated), listener, stop)
        finally:
            await simulated.close()

    with listener:
        run(main())
