#!/usr/bin/env bash
# Software: std.crypto.tls.Client of Zig 0.15.2, from PyPI's package ziglang (needs pip, and
# openssl for the certificate and the server; Zig 0.17.1 has the same code), and any TLS 1.3
# server that asks for a key update.
#
# Behaviour: where the server's KeyUpdate asks for the client's in return (update_requested,
# RFC 8446, section 4.6.3), the client takes new keys for what it sends, and never sends the
# KeyUpdate that says so. The server cannot read what comes behind that, and ends the
# connection with bad_record_mac, as if it had been changed on the way. A KeyUpdate that asks
# for nothing is followed well.
#
# Output seen on 2026-11-30:
#   Zig 0.15.2, behind a KeyUpdate: update_not_requested: the server reads on; update_requested: the server says bad record mac
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv zig >/dev/null
zig/bin/pip install --quiet --disable-pip-version-check ziglang==0.15.2
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost \
	-addext subjectAltName=DNS:localhost 2>/dev/null
cat >echo.zig <<'END'
const std = @import("std");
const Client = std.crypto.tls.Client;

/// Sends each line back.
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
    var client = try Client.init(reader.interface(), &writer.interface, .{
        .host = .{ .explicit = "localhost" },
        .ca = .{ .bundle = roots },
        .read_buffer = &buffers[2],
        .write_buffer = &buffers[3],
    });
    while (client.reader.takeDelimiterInclusive('\n')) |line| {
        try client.writer.writeAll(line);
        try client.writer.flush();
        try writer.interface.flush();
    } else |_| {}
}
END
export ZIG_GLOBAL_CACHE_DIR=$dir/cache ZIG_LOCAL_CACHE_DIR=$dir/cache
timeout 300 zig/bin/python -m ziglang build-exe echo.zig >build 2>&1 || { cat build; exit 1; }

# said WORD: waits until the server has printed the line
said() {
	for _ in $(seq 100); do
		if grep -aq "$1" log; then return; fi
		sleep 0.1
	done
	return 1
}
# behind COMMAND: how the server goes on behind the KeyUpdate that s_server's command k or K sends
behind() {
	local port server client
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	rm -f commands log
	mkfifo commands
	timeout 60 openssl s_server -accept "127.0.0.1:$port" -cert cert.pem -key key.pem -tls1_3 <commands >log 2>&1 &
	server=$!
	exec 9>commands
	said ^ACCEPT
	timeout 30 ./echo "$port" "$dir/cert.pem" &
	client=$!
	said ^CIPHER
	echo before >&9
	said ^before
	echo "$1" >&9
	sleep 0.5
	echo behind >&9
	if said '^behind\|bad record mac'; then
		grep -aq ^behind log && echo 'the server reads on' || echo 'the server says bad record mac'
	else
		echo nothing
	fi
	exec 9>&-
	kill "$server" "$client" 2>/dev/null || true
	wait "$server" "$client" 2>/dev/null || true
}
not=$(behind k)
requested=$(behind K)
echo "Zig 0.15.2, behind a KeyUpdate: update_not_requested: $not; update_requested: $requested"
[ "$not/$requested" = 'the server reads on/the server says bad record mac' ]
