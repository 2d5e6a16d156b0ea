-- Return what is known before a regeneration: how many are used; the newest that asks the same and has no answer; when one like it was made.
-- $1 api_url text, $2 transcription_id text, $3 asked text, $4 window interval
--
-- One without an answer is gone on with for as long as the provider repeats its answer.
select
    count(*) filter (where state is distinct from 'refused') as used,
    max(id) filter (where is_open) as open,
    max(intended_at) filter (where is_open) as open_since,
    (array_agg(key_fingerprint order by id desc) filter (where is_open))[1] as key_fingerprint,
    max(ended_at) filter (where asked = $3 and state = 'answered') as made_at
from (
    select *, coalesce(asked = $3 and state in ('intended', 'lost') and intended_at > now() - $4::interval, false) as is_open
    from receiver.regenerations
    where api_url = $1 and transcription_id = $2
) as regeneration
