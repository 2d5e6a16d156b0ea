"""The simulated ThunderScribe, as https://thunderscribe.ai documents it.

    app ──key, limit, faults──▶ orders (what is asked for) ──▶ state.SimulatedThunderScribe ──▶ transcripts (the answer)

It is synchronous: the answer comes when the recording has been transcribed, after its duration. The work is billed when
it is done, also if the client has gone by then. Every key is an account. What a recording says depends on its file name
alone; besides the words in `samples`, these decide about it:

word in the name     the recording
fail                 is not in a format that it knows: 400, not billed
fail-once            is so the first time that the key sends this name
"""
