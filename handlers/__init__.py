"""Handlers: every public module here is imported at the start, and every `@handler` in it gets jobs.

To add a handler, add a file. The files here use the same API as yours.
"""
