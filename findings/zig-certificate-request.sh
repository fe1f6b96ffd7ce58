#!/usr/bin/env bash
# Software: std.crypto.tls.Client of Zig 0.15.2, from PyPI's package ziglang (needs pip, and
# openssl for the certificate and the server; Zig 0.17.1 has the same code), and any server
# that asks its clients for a certificate.
#
# Behaviour: the client ends with error.TlsUnexpectedMessage where the server sends a
# CertificateRequest, also where it would go on without a certificate, as many servers of mail
# and interfaces of clusters do. A client that has none is to send an empty Certificate (RFC
# 8446, section 4.4.2; RFC 5246, section 7.4.6). The message is not among those that the
# client knows, under TLS 1.2 as under TLS 1.3, and what it says does not name it.
#
# Output seen on 2026-11-30:
#   Zig 0.15.2, TLSv1.2: connected, asked for a certificate TlsUnexpectedMessage; TLSv1.3: connected, asked for a certificate TlsUnexpectedMessage; OpenSSL's client where asked: connected, connected
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv zig >/dev/null
zig/bin/pip install --quiet --disable-pip-version-check ziglang==0.15.2
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost \
	-addext subjectAltName=DNS:localhost 2>/dev/null
cat >client.zig <<'END'
const std = @import("std");
const Client = std.crypto.tls.Client;

pub fn main() !void {
    var arena = std.heap.ArenaAllocator.init(std.heap.page_allocator);
    const args = try std.process.argsAlloc(arena.allocator());
    const port = try std.fmt.parseInt(u16, args[1], 10);
    const stream = try std.net.tcpConnectToAddress(try std.net.Address.parseIp("127.0.0.1", port));
    var roots: std.crypto.Certificate.Bundle = .{};
    try roots.addCertsFromFilePathAbsolute(arena.allocator(), args[2]);
    var buffers: [4][Client.min_buffer_len]u8 = undefined;
    var reader = stream.reader(&buffers[0]);
    var writer = stream.writer(&buffers[1]);
    const said = if (Client.init(reader.interface(), &writer.interface, .{
        .host = .{ .explicit = "localhost" },
        .ca = .{ .bundle = roots },
        .read_buffer = &buffers[2],
        .write_buffer = &buffers[3],
    })) |_| "connected" else |err| @errorName(err);
    try std.fs.File.stdout().writeAll(said);
}
END
cat >client.py <<'END'
import socket, ssl, sys

context = ssl.create_default_context(cafile="cert.pem")
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=20) as raw:
    with context.wrap_socket(raw, server_hostname="localhost") as tls:
        tls.sendall(b"GET / HTTP/1.0\r\n\r\n")
        print("connected" if tls.recv(1) else "nothing")
END
export ZIG_GLOBAL_CACHE_DIR=$dir/cache ZIG_LOCAL_CACHE_DIR=$dir/cache
timeout 300 zig/bin/python -m ziglang build-exe client.zig >build 2>&1 || { cat build; exit 1; }
# to OPTIONS CLIENT...: what a client says of an s_server with these options
to() {
	local port server
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	# shellcheck disable=SC2086
	timeout 60 openssl s_server -accept "127.0.0.1:$port" -cert cert.pem -key key.pem -www $1 >log 2>&1 &
	server=$!
	for _ in $(seq 100); do
		if grep -q ^ACCEPT log; then break; fi
		sleep 0.1
	done
	timeout 20 "${@:2}" "$port" "$dir/cert.pem"
	kill "$server"
	wait "$server" || true
}
old=$(to -tls1_2 ./client)
old_asked=$(to '-tls1_2 -verify 1' ./client)
new=$(to -tls1_3 ./client)
new_asked=$(to '-tls1_3 -verify 1' ./client)
openssl="$(to '-tls1_2 -verify 1' python3 client.py), $(to '-tls1_3 -verify 1' python3 client.py)"
echo "Zig 0.15.2, TLSv1.2: $old, asked for a certificate $old_asked; TLSv1.3: $new, asked for a certificate $new_asked; OpenSSL's client where asked: $openssl"
[ "$old $old_asked $new $new_asked, $openssl" = 'connected TlsUnexpectedMessage connected TlsUnexpectedMessage, connected, connected' ]
