"""The simulated fishaudio: speech to text of an address, as its playground documents it.

    app ──key, limit, faults──▶ orders (what is asked for) ──▶ state.SimulatedFishAudio ──▶ transcripts (the answer)

It is synchronous: the answer comes when the recording has been transcribed, after its duration. Ten credits a minute
are taken from the account at the start, and billed when the work is done, also if the client has gone by then. Every
key is an account; it may also stand in the body. Nothing is fetched: what a recording says depends on its address
alone. Besides the words in `samples`, these decide about it:

word in the address  the recording
fail                 is not in a format that it knows: 400, not billed
fail-once            is so the first time that the key sends this address
hundred-hours        is larger than it takes: 413
"""
