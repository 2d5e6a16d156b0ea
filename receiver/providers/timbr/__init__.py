"""Timbr: a file is uploaded, a task works on it, and the task is looked at until it has ended; its files are at links.

client.Timbr ──▶ wishes: what can be asked for. Pure
             ├─▶ envelope: what an answer holds, and what a refusal means. Pure
             └─▶ answers: the models of what answers hold. Pure
issued           the tokens of an account: listed, issued, deleted

A key without a client is sent as it is. With a client, a token is sent, which is asked for with the client's id and
secret, and with the key if there is one. Each path ends with a slash: a redirect would drop the body.

Source: https://docs.timbr.studio/developer/openapi.
"""

from receiver.providers.timbr.client import Timbr

__all__ = ["Timbr"]
