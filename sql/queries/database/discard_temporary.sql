-- Drop the tables that are this session's alone.
discard temporary
