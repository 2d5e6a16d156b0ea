-- Keep the checksum of an applied migration's file, unless one is kept already.
-- $1 version integer, $2 checksum text
update receiver.migrations set checksum = $2 where version = $1 and checksum is null
