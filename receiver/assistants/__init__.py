"""Answer the questions of assistants: a server of the Model Context Protocol. No rule lives here.

    an assistant ──stdio──────────────────▶ protocol ──▶ tools ──▶ functions of the rooms below, which commands use too
                 ──HTTP──▶ gate ──────────▶     └──────▶ resources

serving      runs the server, over stdio or HTTP
stdio        the standard streams, which carry the protocol alone
gate         who may ask over HTTP: a token, this host, no page of a browser
protocol     the server, made of what follows
tools        every tool, and how one is called
transcripts  search, read a part, timestamps
writing      a transcript as lines of text. Pure
resources    the same texts by their address
happenings   list events, and explain one
letters      dead jobs by cause; and replay, where it is allowed
arguments    what arguments and answers have in common
harmless     text from outside, without what hides or steers. Pure
state        the settings, and the database within bounds
errors       what went wrong, in words

The package `mcp` (extra `mcp`) is imported by the modules that speak the protocol, not by this one. Each statement has
a second. Each answer is bounded. `more` says what was left out, and how to get it; a title, a name or an error that is
cut ends with an ellipsis.
"""
