"""The simulated Timbr audio API: separate, enhance and diarize, as its documentation says.

    app ──key, limit, faults──▶ orders (what is asked for) ──▶ state.SimulatedTimbrAudio ──▶ jobs (what is answered)
     └──signature, faults─────▶ storage (a file's PUT, an artifact's GET) ◀── artifacts (what a job made)

A file is announced, then sent to a signed address, once. A job takes a third of the recording's time, at least 15 s. A
credit a second is reserved when it is created, billed when it is completed, and given back if it fails. Its artifacts
are made up when they are asked for, from the file's name alone. Every key is an account.

The documentation says nothing of a file's name: it may come as `filename` with the announcement. Besides the words in
`samples`, these decide about it:

word in the name     the recording
fail                 fails when it is worked on; not billed
fail-once            does so the first time that the key has it worked on
"""
