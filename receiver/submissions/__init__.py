"""What we ask a source for: what is handed in, what it costs, how it is sent once, and how its end is learned of.

    recordings ──▶ price ──▶ submit ──▶ following ──▶ completed: `providers.content` has its transcript
        │                      │            │  ▲
     media/                 uploads  failed └──┘ again
                               └── progress: what is known from one run to the next

Nothing here prints, asks a person or reads the environment: who shows progress passes a callback.
"""
