#!/usr/bin/env python3
"""A DNS server over HTTPS (RFC 8484) for a few names, with no TLS of its own:

    tlsify listen --cert F --key F 127.0.0.1:8053 -- \\
        python3 examples/doh.py NAME=ADDRESS[,ECHCONFIGLIST]...

With a list, as `tlsify-ech list` prints it, NAME has an HTTPS record that says how to
encrypt a ClientHello to it (RFC 9848). It is for trying browsers: doc/recipes.md.
"""
import base64, os, struct, sys, time

A, HTTPS, ECH, TTL = 1, 65, 5, 1  # types of records, a parameter's key, seconds

def answer(query, hosts):
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode("ascii").lower())
        at += 1 + query[at]
    kind = struct.unpack("!H", query[at + 1 : at + 3])[0]
    # A server that is not at port 443 has its HTTPS record at _PORT._https.NAME.
    name = ".".join(labels[2:] if labels[1:2] == ["_https"] else labels)
    address, ech = hosts.get(name, ("", b""))
    data = b""
    if kind == A and address:
        time.sleep(0.3)  # a browser with an address waits for the rest briefly at most
        data = bytes(map(int, address.split(".")))
    elif kind == HTTPS and ech:
        target = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
        data = struct.pack("!H", 1) + target + b"\0" + struct.pack("!HH", ECH, len(ech)) + ech
    flags = 0x8180 if address else 0x8183  # no error, or no such name
    record = struct.pack("!HHHLH", 0xC00C, kind, 1, TTL, len(data)) + data if data else b""
    return query[:2] + struct.pack("!HHHHH", flags, 1, bool(data), 0, 0) + query[12 : at + 5] + record

def request(stream):
    line, length = stream.readline().split(), 0
    if len(line) < 2:
        return None  # there are no more
    while (header := stream.readline()) not in (b"\r\n", b""):
        if header.lower().startswith(b"content-length:"):
            length = int(header.partition(b":")[2])
    if line[0] == b"POST":
        return stream.read(length)
    return base64.urlsafe_b64decode(line[1].partition(b"dns=")[2] + b"===")

def main(args):
    hosts = {}
    for name, _, rest in (arg.partition("=") for arg in args):
        address, _, ech = rest.partition(",")
        hosts[name] = address, base64.b64decode(ech)
    for query in iter(lambda: request(sys.stdin.buffer), None):
        reply = answer(query, hosts)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/dns-message\r\nContent-Length: %d\r\n\r\n"
        sys.stdout.buffer.write(head % len(reply) + reply)
        sys.stdout.buffer.flush()

try:
    main(sys.argv[1:])
except BrokenPipeError:  # browsers leave in the middle
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
