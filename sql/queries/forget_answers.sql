-- Forget the provider's answers of a kind, given as a pattern: there are newer ones.
-- $1 source text, $2 transcription_id text, $3 kind text
delete from receiver.archive where source = $1 and transcription_id = $2 and kind like $3
