"""The pages of the operator: see what happens, find it, replay it.

    request ──▶ gate ──▶ routes ──▶ app ──who may?──▶ pages/* ──▶ functions of the rooms below
                                     │ ▲              └──▶ rendering ──▶ templates/*.html
                                     │ access, by its cookie
                                     └─▶ sign-in, or errors
    NOTIFY, every few seconds, and what this process did ──▶ live ──"changed"──▶ /changes, a stream of an open page,
                                                                                which then asks for itself again

serving      listens, and runs the process        state       settings, handlers, the database; tests, drafts under way
gate         from where a form may come; headers  access      links, tokens, cookies, and how often one may guess
routes       every page, and what one needs       live        tells open pages that something has changed
app          finds out who asks, and who may      latest      keeps a look at everything that is dear
forms        what a form sends, bounded           rendering   templates, and text from outside made harmless
uploads      files, on their way to the disk      charts      numbers as bars
assets/      style, scripts, htmx                 errors      pages about what went wrong
objects      a file that lies in a bucket

The rules here are about who may enter. Every other one is in a lower room, where commands can use it.
A slow page never shares a process with deliveries. `state` says what is bounded: each statement of `Console.read` has a
second. What a person has asked for, a download, and the state of everything have other bounds, or none.
"""

from receiver.console.serving import USUAL, answer, listen, require_closed

__all__ = ["USUAL", "answer", "listen", "require_closed"]
