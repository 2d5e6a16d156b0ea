-- Switch back to the role that opened the connection.
reset role
