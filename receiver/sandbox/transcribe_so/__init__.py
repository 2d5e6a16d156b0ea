"""The simulated transcribe.so.

    app ──key, limit, idempotency, faults──▶ webhooks · transcriptions · artifacts ──▶ state.SimulatedTranscribeSo
                                                                one per key: account.SimulatedAccount ┤
     └── no key: uploads (/s3/) · tus (/files/)                   signed and retried: deliveries ┘

envelope        its refusals
submission      the bodies of orders and quotes
pipelines       its speech models and their prices
timestamps      chapters in the format of a platform. Pure
announcements   sample events, without a provider
feed            announcements that are withheld, and come late
past            transcriptions of before

Words in a recording's name make its transcription fail or be cancelled: see `transcription`.
"""
