"""The routes of the simulated ThunderScribe, and the steps that every request passes: 401 · limit · faults."""

from functools import partial

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from receiver.sandbox import faults, forms, gate, samples
from receiver.sandbox.faults import Fault
from receiver.sandbox.files import SimulatedFile
from receiver.sandbox.refusals import RefusalError
from receiver.sandbox.thunderscribe import orders, transcripts
from receiver.sandbox.thunderscribe.orders import wrong
from receiver.sandbox.thunderscribe.state import SimulatedThunderScribe

MAX_BYTES = 5 * 1024**3
MAX_SECONDS = 2 * 3600
CUT = "<html><head><title>524: A timeout occurred</title></head><body><h1>A timeout occurred</h1></body></html>"


def application(provider: SimulatedThunderScribe) -> Starlette:
    """Return the provider as an ASGI application."""
    versions = ("v1", "v3") if provider.knobs.paths == "both" else (provider.knobs.paths,)
    paths = [(f"/api/{version}/audio/transcriptions", partial(transcribe, provider)) for version in versions]
    return Starlette(
        routes=[
            Route(path, gate.guarded(provider.ground, partial(_admit, provider), endpoint, _refusal), methods=["POST"])
            for path, endpoint in (*paths, ("/api/v1/upload", partial(upload, provider)))
        ],
        exception_handlers=gate.no_route(
            lambda exc: _refusal(RefusalError(exc.status_code, exc.detail, "There is no such endpoint"))
        ),
    )


async def transcribe(provider: SimulatedThunderScribe, account: str, request: Request, _: Fault | None) -> Response:
    """Answer `POST /audio/transcriptions` when the work is done, or with a proxy's 524 if the knobs cut it off."""
    sent = provider.new_file(account)
    form = await forms.read(request, sent, most=MAX_BYTES)
    order = orders.read(form.fields)
    file = _recording(provider, sent, form.filename, order.file_id)
    spoken = samples.named(file.filename)
    if not provider.decodes(file):
        raise RefusalError(400, "Invalid file format", "Supported formats")
    if spoken.seconds > MAX_SECONDS:
        raise RefusalError(400, "File too long", "Maximum duration: 2 hours")
    done = provider.start(file, account, spoken.seconds)
    cut, ground = provider.knobs.cut_seconds, provider.ground
    await ground.wait(None if cut is None else cut / ground.speed, done)
    if done.is_set():
        return transcripts.answer(spoken, order, provider.knobs)
    if ground.stopping.is_set():
        raise RefusalError(503, "Service unavailable", "The sandbox is stopping")
    return HTMLResponse(CUT, 524)


async def upload(provider: SimulatedThunderScribe, account: str, request: Request, fault: Fault | None) -> Response:
    """Answer `POST /upload`: a whole file, or a piece of one; headers say which.

    Only the last answer has the `file_id`. No piece says where it belongs: it is added to those before it.
    """
    headers = request.headers
    name, is_last = headers.get("file-hash"), headers.get("last-chunk") == "true"
    is_piece = name is not None or headers.get("chunked") == "true"
    file = provider.new_file(account) if name is None else _unfinished(provider, account, name)
    form = await forms.read(request, file, most=MAX_BYTES)
    if form.filename is None:
        raise wrong("file is required")
    name = name or provider.new_hash()
    if is_piece and faults.loses(fault) and provider.knobs.lost_pieces == "dropped":
        return JSONResponse({"file_hash": name})
    file.filename, file.complete = file.filename or form.filename, is_last or not is_piece
    provider.files[file.id], provider.pieces[name] = file, file.id
    return JSONResponse(({"file_id": file.id} if file.complete else {}) | {"file_hash": name})


def _recording(
    provider: SimulatedThunderScribe, sent: SimulatedFile, filename: str | None, file_id: str | None
) -> SimulatedFile:
    """Return the file to transcribe: the one that came with the request, which is kept, or an uploaded one."""
    if (filename is None) == (file_id is None):
        raise wrong("one of file and file_id is required")
    if filename is not None:
        sent.filename, sent.complete = filename, True
        provider.files[sent.id] = sent
        return sent
    found = provider.files.get(file_id or "")
    if found is None or found.owner != sent.owner or not found.complete:
        raise wrong("file_id is unknown")
    return found


def _unfinished(provider: SimulatedThunderScribe, account: str, name: str) -> SimulatedFile:
    """Return a copy of an upload in pieces: a piece counts only when it has arrived whole."""
    found = provider.files.get(provider.pieces.get(name, ""))
    if found is None or found.owner != account or found.complete:
        raise wrong("file-hash is unknown")
    return found.copy()


async def _admit(provider: SimulatedThunderScribe, request: Request) -> str:
    """Return the account of a request, and count it."""
    nobody = RefusalError(401, "Invalid or missing API token", "Please provide a valid Authorization header")
    return gate.admitted(gate.bearer(request), provider.limits, nobody=nobody, surplus=_surplus())


def _surplus() -> RefusalError:
    return RefusalError(429, "Rate limit exceeded", "Please wait before making another request")


def _refusal(error: RefusalError) -> Response:
    """Return the answer for a refusal. A planned 429 reads like one of the limit's own."""
    error = _surplus() if error.status == 429 else error  # noqa: PLR2004 - Too Many Requests
    return JSONResponse({"error": error.code, "message": error.message}, error.status)
