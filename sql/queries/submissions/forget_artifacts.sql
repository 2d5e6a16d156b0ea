-- Forget where the files of some submissions lie: they are deleted.
-- $1 submissions text[]
delete from receiver.artifacts where submission = any ($1)
