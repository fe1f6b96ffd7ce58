#!/usr/bin/env bash
# Software: std.crypto.tls.Client of Zig 0.15.2, from PyPI's package ziglang (needs pip, and
# openssl for the certificates and the server), and any TLS 1.3 server with a key of Ed25519.
#
# Behaviour: the client names ed25519 among the signature algorithms that it takes
# (signature_algorithms, RFC 8446, section 4.2.3), and has the code for it. A server whose
# key is of Ed25519 signs by it, and the client, which is content with the certificate, ends
# with error.TlsBadSignatureScheme: what it looks the signature's kind up in, to compare it
# with the key's, has no line for Ed25519. With a key of P-256 or RSA it connects.
#
# Output seen on 2026-11-29:
#   Zig 0.15.2, to a TLS 1.3 server with a key of: P-256 connected, RSA connected, Ed25519 TlsBadSignatureScheme (offered: yes)
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv zig >/dev/null
zig/bin/pip install --quiet --disable-pip-version-check ziglang==0.15.2
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
export ZIG_GLOBAL_CACHE_DIR=$dir/cache ZIG_LOCAL_CACHE_DIR=$dir/cache
timeout 300 zig/bin/python -m ziglang build-exe client.zig >build 2>&1 || { cat build; exit 1; }
try() { # KEY: what the client says of a server with such a key
	local port server
	# shellcheck disable=SC2086
	openssl req -x509 -newkey $1 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost \
		-addext subjectAltName=DNS:localhost 2>/dev/null
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	openssl s_server -accept "127.0.0.1:$port" -cert cert.pem -key key.pem -tls1_3 -www -trace >trace 2>&1 &
	server=$!
	for _ in $(seq 100); do
		if grep -q ^ACCEPT trace; then break; fi
		sleep 0.1
	done
	timeout 20 ./client "$port" "$dir/cert.pem"
	kill "$server"
	wait "$server" || true
}
p256=$(try 'ec -pkeyopt ec_paramgen_curve:P-256')
rsa=$(try rsa:2048)
ed25519=$(try ed25519)
offered=no
if sed -n '/ClientHello/,/ServerHello/p' trace | grep -q 'ed25519 (0x0807)'; then offered=yes; fi
echo "Zig 0.15.2, to a TLS 1.3 server with a key of: P-256 $p256, RSA $rsa, Ed25519 $ed25519 (offered: $offered)"
[ "$p256 $rsa $ed25519 $offered" = 'connected connected TlsBadSignatureScheme yes' ]
