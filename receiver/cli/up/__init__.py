"""`up`: web server and worker on one machine, told in plain words.

command ──▶ children: started, replaced, ended ◀──line: a beat each second──▶ each of them
story        what is told of the events
killed       whom the kernel kills first when memory runs out

`up` holds the listening socket and hands it to its web processes. `SO_REUSEPORT` would give each process a listener of
its own, and the kernel resets the connections that are queued on a listener that closes. A process that is replaced
leaves its idle connections to their clients. Measured: when it closed them after two seconds, over a network with 50 ms
of delay, some still had a request on its way.
"""
