-- Write down a regeneration before it is asked for, and that it is perhaps charged; return its id.
-- $1 source text, $2 api_url text, $3 account text, $4 transcription_id text, $5 completed_at text, $6 key_fingerprint text, $7 style text, $8 prompt text, $9 asked text, $10 idempotency_key text, $11 asked_by text
with regeneration as (
    insert into receiver.regenerations (
        source, api_url, account, transcription_id, completed_at, key_fingerprint, style, prompt, asked,
        idempotency_key, asked_by, state
    )
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'intended')
    returning id
), charge as (
    insert into receiver.charges (
        source, api_url, account, work, run, operation, transcription_id, title, unit, perhaps, known_by
    )
    select
        $1, $2, $3, 'regeneration/' || id, 1, 'regeneration', $4,
        (
            select e.title
            from receiver.events e
            where e.transcription_id = $4 and e.source = $1 and e.api_url = $2
            order by e.id desc
            limit 1
        ),
        'USD', true, 'answer'
    from regeneration
)
select id from regeneration
