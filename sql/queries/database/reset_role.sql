-- Be nobody else than who has connected.
reset role
