"""Send this process's spans to an OTLP collector, where the variables of OpenTelemetry name one.

    OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT   name the collector; without one nothing is begun
    OTEL_SDK_DISABLED=true, OTEL_TRACES_EXPORTER without `otlp`       nothing is begun either

OpenTelemetry reads all its other variables itself. If it does not begin, the log says so, and the process goes on. What
waits when the process ends is still sent, for as long as the process may take to end.
"""

import logging
import os
from importlib import metadata

from receiver.logs.extras import to_install
from receiver.logs.reasons import describe
from receiver.logs.redaction import shorten
from receiver.logs.traces import Rarely

log = logging.getLogger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
PROTOCOL = "http/protobuf"
# They log each batch that is not sent, and each span that has no room.
CHATTY = ("opentelemetry.exporter.otlp.proto.http.trace_exporter", "opentelemetry.sdk._shared_internal")
OF_HEADERS = "opentelemetry.util.re"  # logs a header that it cannot read, which might be a key


def begin() -> None:
    """Set a provider that sends spans, if a collector is named. Call it after a user's handlers: theirs is kept."""
    endpoint = _first(ENDPOINTS)
    if endpoint is None or not _is_wanted():
        return
    protocol = _first(PROTOCOLS) or PROTOCOL
    if protocol != PROTOCOL:
        log.warning(
            "no traces are sent: OpenTelemetry's variables ask for %s, and there is only %s", protocol, PROTOCOL
        )
        return
    try:
        _begin(endpoint)
    except ImportError as exc:
        log.warning("no traces are sent: %s; run %s", exc, to_install("otel"))
    except Exception as exc:  # noqa: BLE001 - a wrong value of one of their variables, or a bug of theirs
        log.warning("no traces are sent: %s", describe(exc))


def _is_wanted() -> bool:
    is_off = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    exporters = os.environ.get("OTEL_TRACES_EXPORTER") or "otlp"
    return not is_off and "otlp" in [name.strip() for name in exporters.split(",")]


def _first(names: tuple[str, ...]) -> str | None:
    return next(filter(None, map(os.environ.get, names)), None)


def _begin(endpoint: str) -> None:
    """Set a provider, unless there is one.

    Raises:
        ImportError: OpenTelemetry, its SDK or its exporter is not installed.
    """
    from opentelemetry import trace  # noqa: PLC0415 - an extra, and 0.2 s
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return
    for name in CHATTY:
        logging.getLogger(name).addFilter(Rarely())
    logging.getLogger(OF_HEADERS).addFilter(_hide)
    ours = {"service.name": "receiver", "service.version": metadata.version("receiver")}
    said = OTELResourceDetector().detect().attributes  # by OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES
    provider = TracerProvider(resource=Resource.create({**ours, **said}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    log.info("traces go to %s", shorten(endpoint))


def _hide(record: logging.LogRecord) -> bool:
    record.msg, record.args = "a header in OTEL_EXPORTER_OTLP_HEADERS is not NAME=VALUE, and is left out", ()
    return True
