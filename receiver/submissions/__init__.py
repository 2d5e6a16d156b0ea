"""What we ask a provider for: a submission is paid for once, followed, and ends as an event.

    asking, or requested ──▶ ordering ──▶ working: the job ──▶ paying ──▶ the answer is the result ──┐
    what a person types,     a row and        ▲                  └──▶ watching: looks until it ends, │
    or a program sends       its job          │                       or until its end is announced  │
                                              └──── woken ◀──────────────────┴───────────────────────┘
                                              └──▶ shelf: fetches the files ──▶ announcing: the event

drafts/         what a person has handed in to a page, before it is asked for
moves           the states, and what an error means          records     the rows; looks: what looks have shown
checking        says each mistake of what was typed by its name
ids             the ids of submissions                       timing      when a provider is looked at
foreseen        what transcribe.so tells before it is paid   finding     looks for the work of a lost answer
resolving       what a person says of a lost answer          results     waits for the end, reads what came
texts           a transcript that is here already, as a file with subtitles
leftovers       what dead jobs and dead workers have left behind
clearing        prunes the files of what is over
counts          how many submissions wait                    standing    how each account of each provider stands
ledger          writes down what was charged                 costs       adds it up
balances        keeps what is left of each account's money
reconciling/    what transcribe.so has never announced, ours or not: an event is made of it
library/        all that was said, in a form that can be searched

For transcribe.so alone; what is marked * works without a database:

                transcription*: from a recording to its text
                      │
    recordings ──▶ alone* ──▶ following ──▶ completed: `providers.archive` has the transcript
        │             │           │  ▲
     media/           │    failed └──┘ again
                      ├── price      before anything is paid, where there is a ceiling
                      └── progress*  notes from one run to the next, so that nothing is paid twice

following       waits for an end: where our webhook is registered by our own event, elsewhere by asking
deleting        the end of a transcription at the provider

Nothing here prints, asks a person or reads the environment. A caller that shows progress passes a function.
"""
