"""What we ask a provider for: the recording, its price, how it is submitted once, and how we learn of its end.

                transcription: from a recording to its text
                      │
    recordings ──▶ submit ──▶ following ──▶ completed: `providers.archive` has the transcript
        │             │           │  ▲
     media/           │    failed └──┘ again
                      ├── price      before anything is paid, where there is a ceiling
                      ├── uploads    a file
                      └── progress   notes from one run to the next, so that nothing is paid twice

deleting        the end of a transcription at the provider
standing        how each account of each provider stands
counts          how many submissions wait

A provider without webhooks:

    asking, or requested ──▶ ordering ──▶ working: the job ──▶ paying ──▶ the answer is the result ──┐
    what a person types,     a row and        ▲                  └──▶ watching: looks until it ends  │
    or a program sends       its job          └──── woken ◀──────────────────┴───────────────────────┘
                                              └──▶ shelf: fetches the files ──▶ announcing: the event

moves           the states, and what an error means          records     the rows; looks: what looks have shown
timing          when a provider is looked at                 finding     looks for the work of a lost answer
resolving       what a person says of a lost answer          results     waits for the end, reads what came
texts           a transcript that is here already, as a file with subtitles
leftovers       what dead jobs and dead workers have left behind

Where our webhook is registered, following looks for our own event of the end. Elsewhere it asks the provider.
Nothing here prints, asks a person or reads the environment. A caller that shows progress passes a function.
"""
