-- Return to the user that has connected.
reset session authorization
