"""`up`: web server and worker on one machine, told in plain words.

command ──▶ children: started, replaced, ended ◀──line: a beat each second──▶ each of them
story        what is told of the events
killed       whom the kernel kills first when memory runs out
"""
