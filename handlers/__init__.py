"""Handlers: every public module here is imported at start, and every `@handler` in it gets its jobs.

Drop a file in to add one. The files that are here are handlers like yours, written with the same API.
"""
