-- Note what looks have shown, and when the next ones are.
-- $1 ids text[], $2 said text[], $3 progress double precision[], $4 known boolean[], $5 look_after interval[]
update receiver.submissions s
set said = coalesce(seen.said, s.said),
    progress = coalesce(seen.progress, s.progress),
    seen_at = case when seen.known then now() else s.seen_at end,
    missing_since = case
        when seen.known then null
        when not seen.known then coalesce(s.missing_since, now())
        else s.missing_since
    end,
    look_at = now() + seen.look_after
from unnest($1::text[], $2::text[], $3::double precision[], $4::boolean[], $5::interval[])
    as seen (id, said, progress, known, look_after)
where s.id = seen.id and s.state = 'accepted'
