"""Sign in by a link or by a token, and out again."""

import math

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from receiver.console import access, forms, gate
from receiver.console.rendering import render
from receiver.console.state import Console, is_local
from receiver.errors import StoreUnavailableError

OLD = "This link is too old, or another one was meant: `receiver console --link` prints a new one."
ELSEWHERE = "This link works in a browser on the console's own machine only. Sign in with the token."
WRONG = "That is not the token."


async def show(request: Request, console: Console) -> Response:
    """Show the form, or sign in by a link."""
    back = _back(request.query_params.get("next", ""))
    link = request.query_params.get("link")
    if link is None:
        if await _is_signed_in(request, console):
            return RedirectResponse(back, 303)
        return _form(request, console, back)
    if not is_local(request):
        return _form(request, console, back, said=ELSEWHERE, status=403)
    cookie = (await console.access()).by_link(link)
    if cookie is None:
        return _form(request, console, back, said=OLD, status=403)
    # A redirect would not send the new cookie if another site had the link. A page that leads on does.
    return _signed_in(request, console, render(request, "signed_in.html", back=back), cookie)


async def by_token(request: Request, console: Console) -> Response:
    """Sign in by a token."""
    form, known = await forms.read(request), await console.access()
    back, client = _back(form.get("next", "")), request.client and request.client.host
    # From here on nothing is waited for: of many tries at once, none comes between this look and the note.
    forwarded = request.headers.get("x-forwarded-for", "")
    if wait := math.ceil(console.tries.wait(client, forwarded)):
        said = f"There were too many wrong tokens: try again in {wait} s."
        answer = _form(request, console, back, said=said, status=429)
        answer.headers["retry-after"] = str(wait)
        return answer
    cookie = known.by_token(form.get("token", "").strip())
    if cookie is None:
        console.tries.note(client, forwarded)
        return _form(request, console, back, said=WRONG, status=403)
    return _signed_in(request, console, RedirectResponse(back, 303), cookie)


async def out(_: Request, console: Console) -> Response:
    """Sign out in this browser."""
    answer = RedirectResponse(access.PATH, 303)
    answer.delete_cookie(console.cookie, path="/", httponly=True, samesite="strict")
    return answer


async def _is_signed_in(request: Request, console: Console) -> bool:
    try:
        return await console.role(request) is not None
    except StoreUnavailableError:
        return False


def _form(request: Request, console: Console, back: str, *, said: str = "", status: int = 200) -> Response:
    return render(
        request, "sign_in.html", status=status, back=back, said=said, local=is_local(request),
        by_token=any(console.configured.console_tokens),
        # Browsers say it in every request that they make themselves, except over plain http to another machine.
        silent="sec-fetch-site" not in request.headers,
    )  # fmt: skip


def _signed_in(request: Request, console: Console, answer: Response, cookie: str) -> Response:
    answer.set_cookie(
        console.cookie, cookie, max_age=access.SIGNED_IN_SECONDS, path="/", httponly=True, samesite="strict",
        secure=gate.is_https(request.url.scheme, request.headers),
    )  # fmt: skip
    return answer


def _back(place: str) -> str:
    """Return a page of ours that `place` names; otherwise the first one."""
    is_ours = place.startswith("/") and not place.startswith(("//", access.PATH))
    return place if is_ours and place.isprintable() and "\\" not in place else "/"
