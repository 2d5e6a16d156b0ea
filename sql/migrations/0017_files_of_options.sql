-- The options that are files, by their names, as they were asked for: `@talk.srt`. Once a submission is handed to the
-- workers, its wishes have the ids that these files got at the provider.
alter table receiver.submissions add column files jsonb not null default '{}';
