"""`metrics`: an endpoint for Prometheus, alert rules, and a dashboard for Grafana."""

import logging
import socket
from importlib import resources

import click

from receiver.cli.options import examples, until_eof
from receiver.cli.process import configure, handlers_if_any, run, stop_event
from receiver.cli.up.line import beat, report_ready
from receiver.database.opening import open_database
from receiver.errors import ConfigError
from receiver.health.metrics import page
from receiver.health.organs import Organs
from receiver.health.start import check
from receiver.server import inherit
from receiver.settings import Settings, addresses
from receiver.settings.addresses import OFF, listening

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 2.0


class _Place(click.ParamType):  # type: ignore[type-arg]
    name = "HOST:PORT"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the place in one spelling."""
        try:
            return listening(value)
        except ValueError as exc:
            self.fail(str(exc), param, ctx)


@click.command(
    epilog=examples(
        "receiver metrics",
        "receiver metrics --listen 0.0.0.0:9464",
        "receiver metrics --rules > receiver-rules.yml",
        "receiver metrics --dashboard > receiver-dashboard.json",
    )
)
@click.option("--listen", type=_Place(), help=f"Listen here instead of RECEIVER_METRICS ({page.USUAL}).")
@click.option("--rules", is_flag=True, help="Print alert rules for Prometheus.")
@click.option("--dashboard", is_flag=True, help="Print a dashboard for Grafana.")
@click.option("--listener", "descriptor", type=int, hidden=True)  # the socket that `up` has bound and keeps open
@until_eof
def metrics(*, listen: str | None, rules: bool, dashboard: bool, descriptor: int | None, until_eof: bool) -> None:
    """Answer scrapes of Prometheus at /metrics until Ctrl-C: one scrape tells of all processes.

    Whoever can read them can see why deliveries are refused, so listen where only your Prometheus comes.
    """
    if rules and dashboard:
        raise click.UsageError("give either --rules or --dashboard")
    if rules or dashboard:
        text = resources.files("receiver.health.metrics").joinpath("rules.yml" if rules else "dashboard.json")
        click.echo(text.read_text(encoding="utf-8"), nl=False)
        return
    configured = configure(for_long=True)
    place = listen or configured.metrics or page.USUAL
    if place == OFF:
        raise ConfigError("RECEIVER_METRICS is off: pass --listen")
    with (
        page.listen(place) if descriptor is None else inherit(descriptor) as here,
        open_database(configured, create=False, patience=PATIENCE_SECONDS) as url,
    ):
        run(_answer(configured, url, here, has_line=until_eof), end_within=PATIENCE_SECONDS)


async def _answer(configured: Settings, url: str, listener: socket.socket, *, has_line: bool) -> None:
    await check(url)
    stop = stop_event(with_stdin=has_line)
    async with Organs({"line": beat} if has_line else {}):
        log.info("metrics are at %s/metrics", addresses.here(*listener.getsockname()[:2]))
        if has_line:
            report_ready()
        await page.answer(configured, url, handlers_if_any(configured, "metrics know no handlers"), listener, stop)
