"""The pages of the operator: see what happens, find it, replay it. No rule lives here.

    request ──▶ gate ──▶ routes ──▶ app ──who?──▶ pages/* ──▶ functions of the rooms below, which commands use too
                                     ▲ └─nobody─▶ sign-in └──▶ rendering ──▶ templates/*.html
                                   access
    NOTIFY, and every few seconds ──▶ live ──"changed"──▶ an open page, which asks for itself again

serving      listens, and runs the process       state       what every page needs: settings, database, handlers
app          the ASGI application, and who may    live        tells open pages that something has changed
gate         headers, and where forms may be from latest      keeps a look at everything that is dear
access       links, tokens, cookies               charts      numbers as bars
routes       every page and what it takes         rendering   templates, and text from outside made harmless
forms        what a form sends, bounded           errors      pages about what went wrong
uploads      files, on their way to the disk
assets/      style, scripts, htmx

A slow page never shares a process with deliveries. Each statement that a page reads by has a second.
"""

from receiver.console.serving import USUAL, answer, listen, require_closed

__all__ = ["USUAL", "answer", "listen", "require_closed"]
