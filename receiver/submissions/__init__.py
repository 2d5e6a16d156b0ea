"""What we ask a provider for: the recording, its price, how it is submitted once, and how we learn of its end.

    recordings ──▶ price ──▶ submit ──▶ following ──▶ completed: `providers.content` has the transcript
        │                      │            │  ▲
     media/                 uploads  failed └──┘ again
                               └── progress: notes from one run to the next

Nothing here prints, asks a person or reads the environment. A caller that shows progress passes a function.
"""
