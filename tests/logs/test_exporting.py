"""`receiver.logs.exporting`: spans are sent where OpenTelemetry's variables say so, and a mistake there is one line."""

import json
import logging
import subprocess
import sys

import pytest

from receiver.logs import exporting
from tests.processes import plain_environment

BEGIN = """
import json, logging, sys
from receiver.logs import exporting

logging.basicConfig(level="INFO", format="%(message)s")
exporting.begin()
trace = sys.modules.get("opentelemetry.trace")
provider = None if trace is None else trace.get_tracer_provider()
resource = getattr(provider, "resource", None)
name = None if resource is None else resource.attributes["service.name"]
print(json.dumps([trace is not None, type(provider).__name__, name]))
"""
HERE = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://user:password@127.0.0.1:1/path"}
GOES = "traces go to http://127.0.0.1:1/…"


def begun(**variables: str) -> tuple[list[object], str]:
    """Begin in a process of its own; returns what it has then, and its log."""
    kept = {name: value for name, value in plain_environment().items() if not name.startswith("OTEL_")}
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", BEGIN], env=kept | variables, capture_output=True, text=True, check=True,
        timeout=60,
    )  # fmt: skip
    return json.loads(ran.stdout), ran.stderr.strip()


@pytest.mark.parametrize(
    "variables",
    [{}, HERE | {"OTEL_SDK_DISABLED": "True"}, HERE | {"OTEL_TRACES_EXPORTER": "none"}],
    ids=["no collector", "disabled", "no exporter"],
)
def test_where_nothing_is_wanted_nothing_is_imported(variables: dict[str, str]) -> None:
    assert begun(**variables) == ([False, "NoneType", None], "")


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({}, "receiver"),
        ({"OTEL_SERVICE_NAME": "podcasts"}, "podcasts"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=shows"}, "shows"),
        ({"OTEL_TRACES_EXPORTER": "console, otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, "receiver"),
    ],
)
def test_a_collector_that_is_named_gets_spans_of_the_service(variables: dict[str, str], name: str) -> None:
    assert begun(**HERE, **variables) == ([True, "TracerProvider", name], GOES)


def test_the_variable_for_traces_alone_is_enough() -> None:
    assert begun(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="http://127.0.0.1:1")[1] == "traces go to http://127.0.0.1:1"


def test_a_protocol_that_is_not_there_is_said_and_nothing_is_sent() -> None:
    found, said = begun(**HERE, OTEL_EXPORTER_OTLP_PROTOCOL="grpc")
    assert (found[1], said) == (
        "NoneType",
        "no traces are sent: OpenTelemetry's variables ask for grpc, and there is only http/protobuf",
    )


def test_a_wrong_value_of_a_variable_is_said_and_nothing_else_fails() -> None:
    found, said = begun(**HERE, OTEL_BSP_MAX_QUEUE_SIZE="-1")
    assert found[1] == "ProxyTracerProvider"
    assert said.splitlines()[-1].startswith("no traces are sent: ")


def test_a_header_that_cannot_be_read_is_not_shown() -> None:
    found, said = begun(**HERE, OTEL_EXPORTER_OTLP_HEADERS="a key of somebody")
    assert found[1] == "TracerProvider"
    assert said == f"a header in OTEL_EXPORTER_OTLP_HEADERS is not NAME=VALUE, and is left out\n{GOES}"


def test_a_missing_extra_is_said(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "opentelemetry", None)  # as Python does for what must not be imported
    with caplog.at_level(logging.WARNING):
        exporting.begin()
    assert "run pip install 'opentelemetry-api>=" in caplog.text
