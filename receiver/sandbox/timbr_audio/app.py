"""The routes of the simulated Timbr audio API, and the steps that every request passes.

keyed    401 · limit · faults ──▶ an endpoint
signed   403 · faults ──▶ the store
"""

import math
from functools import partial
from pathlib import PurePosixPath

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from receiver.sandbox import gate
from receiver.sandbox.faults import Fault
from receiver.sandbox.refusals import RefusalError, xml
from receiver.sandbox.timbr_audio import artifacts, orders, storage
from receiver.sandbox.timbr_audio.jobs import STATUSES, SimulatedJob
from receiver.sandbox.timbr_audio.orders import OPERATIONS
from receiver.sandbox.timbr_audio.state import SimulatedTimbrAudio

FORMATS = ("wav", "mp3", "flac", "m4a", "aac", "ogg", "opus", "webm", "aiff")
SUFFIXES = ("", ".srt", *(f".{form}" for form in FORMATS))  # `input_srt_file_id` names a file too


def application(provider: SimulatedTimbrAudio) -> Starlette:
    """Return the provider as an ASGI application."""
    keyed = partial(gate.guarded, provider.ground, partial(_admit, provider), refuse=_refusal)
    jobs = [Route("/v1/jobs", keyed(partial(list_jobs, provider)))] if provider.knobs.list == "yes" else []
    signed = gate.guarded(provider.ground, partial(_signed, provider), partial(store, provider), xml)
    return Starlette(
        routes=[
            Route(provider.knobs.upload_path, keyed(partial(announce, provider)), methods=["POST"]),
            *(
                Route(f"/v1/audio/{operation}", keyed(partial(start, provider, operation)), methods=["POST"])
                for operation in OPERATIONS
            ),
            *jobs,
            Route("/v1/jobs/{id}", keyed(partial(look, provider))),
            Route("/storage/{path:path}", signed, methods=["GET", "PUT"]),
        ],
        exception_handlers=gate.no_route(lambda exc: _refusal(RefusalError(exc.status_code, "not_found", exc.detail))),
    )


async def announce(provider: SimulatedTimbrAudio, account: str, request: Request, _: Fault | None) -> Response:
    """Answer `POST /v1/upload`."""
    name = (await _body(request)).get("filename", "")
    if not isinstance(name, str) or PurePosixPath(name.lower()).suffix not in SUFFIXES:
        raise orders.invalid("body", {"filename": f"must end with one of {', '.join(FORMATS)}"})
    file = provider.announce(account, name)
    url = provider.storage.url(request, "PUT", f"uploads/{file.id}", storage.PUT_SECONDS)
    return JSONResponse({"file_id": file.id, "upload_url": url})


async def start(
    provider: SimulatedTimbrAudio, operation: str, account: str, request: Request, _: Fault | None
) -> Response:
    """Answer `POST /v1/audio/…`."""
    order = orders.read(operation, await _body(request))
    file = provider.find_file(account, order.file_id)
    if (subtitles := order.wishes.get("input_srt_file_id")) is not None:
        provider.find_file(account, subtitles)
    return JSONResponse(_shown(provider, provider.start(account, order, file), request))


async def look(provider: SimulatedTimbrAudio, account: str, request: Request, _: Fault | None) -> Response:
    """Answer `GET /v1/jobs/{job_id}`."""
    job = provider.jobs.get(request.path_params["id"])
    if job is None or job.account != account:
        raise RefusalError(404, "job_not_found", "Job not found")
    return JSONResponse(_shown(provider, job, request))


async def list_jobs(provider: SimulatedTimbrAudio, account: str, request: Request, _: Fault | None) -> Response:
    """Answer `GET /v1/jobs`: the newest first."""
    page, size, status = orders.page(request.query_params, STATUSES)
    mine = [
        job for job in reversed(provider.jobs.values())
        if job.account == account and status in (None, job.at(provider.elapsed(job))[0])
    ]  # fmt: skip
    end = page * size
    return JSONResponse({
        "jobs": [_shown(provider, job, request) for job in mine[end - size : end]],
        "page": page,
        "page_size": size,
        "total": len(mine),
        "has_more": end < len(mine),
    })  # fmt: skip


async def store(provider: SimulatedTimbrAudio, path: str, request: Request, _: Fault | None) -> Response:
    """Answer a signed PUT of a file or GET of an artifact."""
    folder, _slash, name = path.partition("/")
    if folder == "uploads":
        await storage.receive(provider.files[name], request)
        provider.confirm(provider.files[name])
        return Response(status_code=200)
    job_id, _slash, file = name.partition("/")
    job = provider.jobs[job_id]
    made = artifacts.content(file, job.recording, job.order.wishes, is_first=file == _files(provider, job)[0])
    return storage.give(made, job.ended or job.created, request)


def _shown(provider: SimulatedTimbrAudio, job: SimulatedJob, request: Request) -> dict[str, object]:
    """Return the API's view of a job, with new links."""
    knobs = provider.knobs
    seconds = math.inf if knobs.links == "never" else float(knobs.links)

    def result() -> object:
        links = {
            file.rpartition(".")[0]: provider.storage.url(request, "GET", f"jobs/{job.id}/{file}", seconds)
            for file in _files(provider, job)
        }
        return links if knobs.result == "map" else [{"name": name, "url": url} for name, url in links.items()]

    return job.to_json(provider.elapsed(job), result, names_file=knobs.names_file == "yes")


def _files(provider: SimulatedTimbrAudio, job: SimulatedJob) -> list[str]:
    return artifacts.files(job.order.operation, job.order.wishes, provider.knobs.stems)


async def _admit(provider: SimulatedTimbrAudio, request: Request) -> str:
    """Return the account of a request, and count it."""
    nobody = RefusalError(401, "unauthorized", "Unauthorized")
    return gate.admitted(gate.bearer(request), provider.limits, nobody=nobody, surplus=_surplus())


async def _signed(provider: SimulatedTimbrAudio, request: Request) -> str:
    return provider.storage.check(request)


async def _body(request: Request) -> dict[str, object]:
    return gate.json_object(await request.body(), lambda problem: orders.invalid("body", {"": problem}))


def _surplus() -> RefusalError:
    return RefusalError(429, "rate_limited", "Rate limit exceeded")


def _refusal(error: RefusalError) -> Response:
    """Return the answer for a refusal. A planned 429 reads like one of the limit's own."""
    error = _surplus() if error.code == "rate_limited" else error
    return JSONResponse({"detail": error.message} | error.extra, error.status)
