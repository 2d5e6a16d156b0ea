-- Switch back to the user that opened the connection.
reset session authorization
