-- Keep what the file of an applied migration holds, where that is not known yet.
-- $1 version integer, $2 checksum text
update receiver.migrations set checksum = $2 where version = $1 and checksum is null
