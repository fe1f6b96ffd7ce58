#!/usr/bin/env python3
"""client.py HOST:PORT [OPTION...]: what a program does with tlsify, in Python.

It sends a line, ends its half, prints the answer, and says what went wrong."""
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

# Before `ready` there is nothing to say to anyone; a bad certificate never gets there.
facts = {}
for keyword, value in lines:
    if keyword == "ready":
        break
    facts[keyword] = value
    if keyword == "error":
        code, _, text = value.partition(" ")
        print(f"not connected: {text} ({code})", file=sys.stderr)
    if keyword == "end":
        sys.exit(int(value))
else:
    sys.exit("tlsify died")
print(f"connected: {facts['protocol']}, {facts['verified']}", file=sys.stderr)

try:
    plain.sendall(b"hello from Python\n")
    plain.shutdown(socket.SHUT_WR)  # the end of what we say: the server can still answer
except BrokenPipeError:
    pass  # the stream has ended; the control channel tells how
while data := plain.recv(65536):
    sys.stdout.buffer.write(data)
sys.stdout.flush()

status = 2
for keyword, value in lines:
    if keyword == "error":
        code, _, text = value.partition(" ")
        print(f"it did not end well: {text} ({code})", file=sys.stderr)
    if keyword == "end":
        status = int(value)
sys.exit(status)
