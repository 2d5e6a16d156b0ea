-- Return the kept timestamps of a run of a transcription, of every format and style.
-- $1 source text, $2 api_url text, $3 transcription_id text, $4 completed_at text
select answer from receiver.archive
where source = $1 and api_url = $2 and transcription_id = $3 and completed_at = $4 and kind like 'timestamps/%'
order by kind like 'timestamps/youtube/%' desc, kind
