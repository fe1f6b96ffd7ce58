#!/usr/bin/env python3
"""Speak TLS on a descriptor that tlsify hands over: standard input goes to the
peer, what it says to standard output.

    handoff.py KIND HOST:PORT [OPTION]...

KIND is that of --handoff. What comes is an end of a socketpair, which needs
nothing special, or the connection itself, whose TLS the kernel does. The latter
is read by recvmsg: a record that is not application data would fail recv.
"""
import array
import os
import socket
import subprocess
import sys
import threading

SOL_TLS, SET_RECORD_TYPE, GET_RECORD_TYPE = 282, 1, 2
ALERT, HANDSHAKE, DATA = 21, 22, 23


class Cut(Exception):
    """The connection ended without close_notify."""


def ktls_recv(sock, size):
    """The next bytes of the peer's; none is its close_notify."""
    while True:
        data, control, _, _ = sock.recvmsg(size, socket.CMSG_SPACE(1))
        kinds = [c[2][0] for c in control if c[:2] == (SOL_TLS, GET_RECORD_TYPE)]
        if not kinds:
            raise Cut("the connection was cut")
        if kinds[0] == DATA:
            if data:
                return data
        elif kinds[0] == HANDSHAKE:
            pass  # a part of a session ticket, or a KeyUpdate: behind that recvmsg fails
        elif kinds[0] == ALERT and data[1:] == b"\x00":  # close_notify
            return b""
        elif kinds[0] != ALERT or data[1:] != b"\x5a":  # user_canceled: close_notify follows
            raise Cut("the peer ended with alert %d" % data[-1])


def ktls_end(sock):
    """Our close_notify: the peer knows then that it has got all."""
    sock.sendmsg([b"\x01\x00"], [(SOL_TLS, SET_RECORD_TYPE, bytes([ALERT]))])


def start(kind, arguments):
    """tlsify, our end of its control channel, and the descriptor with the kind
    that it is of, or None where there was none to be had."""
    control, theirs = socket.socketpair()
    number = theirs.fileno()
    tlsify = subprocess.Popen(["tlsify", "--control-fd=%d" % number, "--handoff", kind] + arguments,
                              pass_fds=[number], stdin=subprocess.DEVNULL)
    theirs.close()
    said, given = b"", None
    while b"\nready\n" not in said and b"\nend " not in said:
        data, extra, _, _ = control.recvmsg(4096, socket.CMSG_SPACE(4))
        if not data:
            break
        said += data
        for level, type_, value in extra:
            if (level, type_) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                given = socket.socket(fileno=array.array("i", value)[0])
    kinds = [line[8:].decode() for line in said.split(b"\n") if line.startswith(b"handoff ")]
    return tlsify, control, said, (given, kinds[0]) if given and kinds else None


def main():
    tlsify, control, said, given = start(sys.argv[1], sys.argv[2:])
    status = 0
    if given:
        sock, kind = given
        ktls = kind == "ktls"

        def write():
            try:
                while data := os.read(0, 65536):
                    sock.sendall(data)
                if ktls:
                    ktls_end(sock)
                else:
                    sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # whoever reads will see why

        writer = threading.Thread(target=write, daemon=True)
        writer.start()
        try:
            while data := ktls_recv(sock, 65536) if ktls else sock.recv(65536):
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
            writer.join()
        except (Cut, OSError) as cut:  # of a socketpair the control channel says more
            print("handoff:", cut, file=sys.stderr)
            status = 6
        sock.close()
    # Until its end the control channel says how a socketpair's stream ended.
    while data := control.recv(4096):
        said += data
    for line in said.decode().split("\n"):
        if line.startswith("error "):
            print("handoff:", line, file=sys.stderr)
    return tlsify.wait() or status


if __name__ == "__main__":
    sys.exit(main())
