"""The simulated Timbr, as https://docs.timbr.studio/developer/openapi documents it.

    app ──key or token, limit, faults──▶ tokens
                                     └─▶ orders (what is asked for) ──▶ state.SimulatedTimbr ──▶ outputs ──▶ links

A file is uploaded, a task works on it, and the task is looked at until it is done. Every key is an account, and so is
every client that gets its first token without a key; a token belongs to the account that issued it. A task waits, works
for a fifth of the recording's length, and is billed when it is done: a credit for each second. Its credits are taken
from the account at the start, and given back if it fails. What a recording says depends on its file name alone,
without the ending: a translation of `talk.srt` has the cues that the transcription of `talk.wav` had. Nothing of a
file is kept but its size and hash, so the link of a source asset leads nowhere. Besides the words in `samples`:

word in the name     the task
fail                 fails, not billed
fail-once            does so the first time that the account has this name worked on
huge-stem            separates a stem of 48 MB; a number may follow, as in huge-stem-1024mb
"""
