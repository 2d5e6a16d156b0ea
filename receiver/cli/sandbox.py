"""`sandbox`: the simulated provider as a process."""

import click

from receiver.cli.running import examples, run, stop_event, until_eof
from receiver.sandbox import Sandbox, application
from receiver.web import bind
from receiver.web import serve as serve_on


@click.command(epilog=examples("receiver sandbox", "receiver sandbox --port 9100 --speed 1 --second-webhook 409"))
@click.option("--port", type=click.IntRange(1, 65535), default=9000, show_default=True, help="Listen here.")
@click.option("--speed", type=click.FloatRange(min=0.001), default=60.0, show_default=True, help="Times real time.")
@click.option(
    "--second-webhook", type=click.Choice(["replace", "409", "same"]), default="replace", show_default=True,
    help="What a second registration with one key does.",
)  # fmt: skip
@until_eof
def sandbox(port: int, speed: float, second_webhook: str, *, until_eof: bool) -> None:
    """Run a simulated transcribe.so on 127.0.0.1, in memory. Any key tsk_live_… or tsk_test_… is good."""
    listener = bind("127.0.0.1", port, advice="pass another --port")

    async def main() -> None:
        stop = stop_event(with_stdin=until_eof)
        simulated = Sandbox(speed=speed, second_webhook=second_webhook)  # type: ignore[arg-type] # click.Choice checked it
        if not until_eof:
            click.echo(
                f"sandbox: export TRANSCRIBE_API_URL=http://127.0.0.1:{port} TRANSCRIBE_API_KEY=tsk_test_sandbox"
            )
        try:
            await serve_on(application(simulated), listener, stop)
        finally:
            await simulated.close()

    with listener:
        run(main())
