#!/usr/bin/env python3
"""client.py HOST:PORT [OPTION...]: what a program does with tlsify, in Python.

It asks an HTTP server for a page, prints the answer, and says what went wrong."""
import os
import socket
import subprocess
import sys

address, options = sys.argv[1], sys.argv[2:]

# The plaintext is one socket; the control channel a pipe.
plain, theirs = socket.socketpair()
control, says = os.pipe()
subprocess.Popen(
    [os.environ.get("TLSIFY", "tlsify"), "connect", "--control-fd", str(says), *options, address],
    stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL, pass_fds=[says])
theirs.close()
os.close(says)
lines = (line.rstrip("\n").partition(" ")[::2] for line in os.fdopen(control))


def show(text):  # a space is %20, and % is %25; what a terminal would obey stays %XX
    print(text.replace("%20", " ").replace("%25", "%"), file=sys.stderr)


# Before `ready` there is nothing to say to anyone; a bad certificate never gets there.
facts = {}
for keyword, value in lines:
    if keyword == "ready":
        break
    facts[keyword] = value
    if keyword == "error":
        code, _, text = value.partition(" ")
        show(f"not connected: {text} ({code})")
    if keyword == "end":
        sys.exit(int(value))
else:
    sys.exit("tlsify died")
show(f"connected: {facts['protocol']}, {facts['verified']}")

try:
    plain.sendall(b"GET / HTTP/1.0\r\n\r\n")
except BrokenPipeError:
    pass  # the stream has ended; the control channel tells how
while data := plain.recv(65536):
    sys.stdout.buffer.write(data)
sys.stdout.flush()
plain.close()  # the end of what we say: before the answer many servers take it for our leaving

status = 2
for keyword, value in lines:
    if keyword == "error":
        code, _, text = value.partition(" ")
        show(f"it did not end well: {text} ({code})")
    if keyword == "end":
        status = int(value)
sys.exit(status)
