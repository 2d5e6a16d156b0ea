"""An OpenAPI 3.1 document of what is served here. It is made once, when it is asked for first.

The paths of accounts stand in it as `{account}`: which accounts there are is nobody's business.
"""

import json
from functools import cache
from importlib.metadata import version
from typing import Any, get_args

from receiver import signature
from receiver.health import Finding
from receiver.inbox.deliveries import Status
from receiver.settings import CALLBACK_PATH, WEBHOOK_PATH
from receiver.submissions.records import Submission
from receiver.submissions.requested import Requested, Resolution
from receiver.web import body, schemas, submissions
from receiver.web.refusals import RETRY_AFTER_SECONDS
from receiver.web.schemas import DIALECT, Schema

JSON = "application/json"
TEXT = "text/plain"
COMPONENTS = "#/components/schemas/"

_STORED: Schema = {
    "type": "object", "required": ["status"],
    "properties": {"status": {"enum": list(get_args(Status))}},
    "description": "`quarantined`: it is authentic and kept, but its body could not be read as an event.",
}  # fmt: skip
_PLACED: Schema = {
    "type": "object", "required": ["id", "state"],
    "properties": {"id": {"type": "string"}, "state": {"$ref": f"{COMPONENTS}State"}},
}  # fmt: skip
_REPORT: Schema = {
    "type": "object", "required": ["holds", "findings"],
    "properties": {
        "holds": {"type": "boolean", "description": "whether all findings hold"},
        "findings": {"type": "array", "items": {"$ref": f"{COMPONENTS}Finding"}},
        "counts": {"type": "object", "description": "only for a caller who knows a secret of a webhook"},
        "gauges": {"type": "object", "description": "the same"},
    },
}  # fmt: skip
_ERROR: Schema = {
    "type": "object", "required": ["error"],
    "properties": {
        "error": {
            "type": "object", "required": ["code", "message"],
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
        },
    },
}  # fmt: skip


@cache
def document() -> bytes:
    """Return the document."""
    classes = schemas.definitions(f"{COMPONENTS}{{model}}", [Submission, Finding], read=[Requested, Resolution])
    made = {"Error": _ERROR, "Placed": _PLACED, "Report": _REPORT, "Stored": _STORED}
    found = {
        "openapi": "3.1.0",
        "jsonSchemaDialect": DIALECT,
        "info": {
            "title": "receiver", "version": version("receiver"),
            "description": "Takes the webhooks of transcribe.so, and submissions of programs. Every path also gives "
            "405 to other methods, and 500 after a bug.",
        },
        "paths": {**_deliveries(), **_programs(), **_operation()},
        "components": {"schemas": classes | made, "securitySchemes": {
            "signature": {
                "type": "apiKey", "in": "header", "name": "X-Transcribe-Signature",
                "description": "t=<unix seconds>,v1=<hex>: the HMAC-SHA256 of `<t>.<body>` with the signing secret. "
                f"The time can be at most {signature.TOLERANCE_SECONDS} s off.",
            },
            "token": {"type": "http", "scheme": "bearer", "description": "RECEIVER_TOKEN"},
        }},
    }  # fmt: skip
    return json.dumps(found, indent=2).encode()


def _deliveries() -> Schema:
    answers = {
        "200": _said("It is verified, and on disk.", "Stored"),
        "400": _refused("The request was not complete, or states its length in two ways."),
        "401": _refused("The signature does not prove it. Which of the reasons it was, only the log says."),
        "408": _refused("The body did not arrive in time."),
        "413": _refused(f"The body has more than {body.BODY_BYTES} bytes."),
        "503": _later("It cannot be verified or made durable now; send it again."),
    }
    given = {
        "description": "An event. Whatever is authentic is kept byte for byte.",
        "required": True,
        "content": {JSON: {"schema": {}, "example": {
            "id": "evt_1", "event": "transcription.completed", "created": 1777472458,
            "data": {"transcription": {"id": 4821, "status": "completed"}},
        }}},
    }  # fmt: skip

    def delivery(operation: str, summary: str, *names: str, unknown: str = "") -> Schema:
        return {"post": {
            "operationId": operation, "summary": summary, "security": [{"signature": []}], "requestBody": given,
            "parameters": [_in_path(name) for name in names],
            "responses": answers | ({"404": _refused(unknown)} if unknown else {}),
        }}  # fmt: skip

    return {
        WEBHOOK_PATH: delivery("deliver", "A delivery to the webhook of the default account"),
        f"{WEBHOOK_PATH}/{{account}}": delivery(
            "deliverToAccount", "A delivery to the webhook of a named account", "account",
            unknown="There is no account of this name.",
        ),
        f"{CALLBACK_PATH}/{{callback}}": delivery(
            "deliverToCallback", "A delivery to the callback of a single transcription", "callback",
            unknown="This is no address of a callback.",
        ),
    }  # fmt: skip


def _programs() -> Schema:
    refusals = {
        "400": _refused("What is wrong is said; nothing was written."),
        "401": _refused("The token is missing or wrong."),
        "404": _refused("There is no such submission, or no token is set, so nobody can submit."),
        "503": _later("The database does not answer; send it again."),
    }
    of_bodies = {
        "408": _refused("The body did not arrive in time."),
        "409": _refused("It contradicts what is known: the code says why."),
        "413": _refused(f"The body has more than {submissions.BODY_BYTES} bytes."),
    }

    def request(operation: str, summary: str, answers: Schema, **more: Any) -> Schema:
        return {"operationId": operation, "summary": summary, "security": [{"token": []}], **more, "responses": answers}

    key = {"name": "Idempotency-Key", "in": "header", "required": True,
           "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"}}  # fmt: skip
    known, submission = _said("What is known of it.", "Submission"), [_in_path("id")]
    return {
        "/submissions": {"post": request(
            "submit", "Submit a recording that has a web address", {"202": _said("It is written down.", "Placed")}
            | refusals | of_bodies, parameters=[key], requestBody=_read("Requested"),
        )},
        "/submissions/{id}": {"get": request(
            "showSubmission", "What has become of a submission", {"200": known} | refusals, parameters=submission,
        )},
        "/submissions/{id}/resolve": {"post": request(
            "resolveSubmission", "Say what becomes of a submission whose answer was lost",
            {"200": known} | refusals | of_bodies, parameters=submission, requestBody=_read("Resolution"),
        )},
    }  # fmt: skip


def _operation() -> Schema:
    readiness = {TEXT: {"schema": {"type": "string"}}, JSON: {"schema": {"$ref": f"{COMPONENTS}Report"}}}
    as_json = {"name": "format", "in": "query", "schema": {"type": "string"},
               "description": "`json` gives JSON, as `Accept: application/json` does."}  # fmt: skip
    return {
        "/healthz": {"get": {"operationId": "isAlive", "summary": "Whether the process answers", "responses": {
            "200": {"description": "It does.", "content": {TEXT: {"schema": {"const": "ok\n"}}}},
        }}},
        "/readyz": {"get": {
            "operationId": "isReady", "summary": "What must hold, and whether it does", "parameters": [as_json],
            "responses": {
                "200": {"description": "Everything holds.", "content": readiness},
                "503": {"description": "Something does not hold.", "content": readiness},
            },
        }},
        "/openapi.json": {"get": {"operationId": "describe", "summary": "This document", "responses": {
            "200": {"description": "It.", "content": {JSON: {"schema": {"type": "object"}}}},
        }}},
    }  # fmt: skip


def _in_path(name: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _read(component: str) -> Schema:
    return {"required": True, "content": {JSON: {"schema": {"$ref": f"{COMPONENTS}{component}"}}}}


def _said(why: str, component: str) -> Schema:
    return {"description": why, "content": {JSON: {"schema": {"$ref": f"{COMPONENTS}{component}"}}}}


def _refused(why: str) -> Schema:
    return _said(why, "Error")


def _later(why: str) -> Schema:
    after = {"Retry-After": {"schema": {"const": RETRY_AFTER_SECONDS}, "description": "seconds"}}
    return _refused(why) | {"headers": after}
