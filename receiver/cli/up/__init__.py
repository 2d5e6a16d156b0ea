"""`up`: run web server and worker on one machine, and print in plain words what happens.

command ──▶ children: start, replace, end ◀──line: a beat each second── each process
story        a line for each event and each job
simulation   an environment that uses simulated providers and no real one
samples      what is sent through them
listeners    the sockets for deliveries and for scrapes
room         whether the database has room for all connections
killed       which process the kernel kills first when memory runs out

`up` holds the listening socket and hands it to its web processes. `SO_REUSEPORT` would give each process a listener of
its own, and the kernel resets the connections that are queued on a listener that closes. Several web processes take
connections from the one queue; `server.connections` spreads those that come together. A process that is replaced leaves
its idle connections to their clients. Measured over a network with a delay of 50 ms: when the process closed them after
two seconds, some of them still had a request on its way.
"""
