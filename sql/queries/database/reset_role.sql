-- Return to the role that has connected.
reset role
