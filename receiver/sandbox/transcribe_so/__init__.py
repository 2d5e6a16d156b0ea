"""The simulated transcribe.so.

    app ──key, limit, idempotency, faults──▶ webhooks · transcriptions · artifacts ──▶ state.SimulatedTranscribeSo
                                                                one per key: account.SimulatedAccount ┤
     └── no key: uploads (/s3/) · tus (/files/)                   signed and retried: deliveries ┘

Words in a recording's name make its transcription fail or be cancelled: see `transcription`.
"""
