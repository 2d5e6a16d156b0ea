-- Drop this session's temporary tables.
discard temporary
