-- Note that all that is old is pruned.
update receiver.retention set pruned_at = now()
