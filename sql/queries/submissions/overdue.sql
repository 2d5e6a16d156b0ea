-- Note that a person is told now that a submission takes too long; return it unless somebody was told before.
-- $1 id text
update receiver.submissions set overdue_at = now()
where id = $1 and state = 'accepted' and overdue_at is null
returning id
