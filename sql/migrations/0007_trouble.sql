-- What keeps a process from its work although it runs, in words; null where nothing does.

alter table receiver.processes add column trouble text;
