#!/usr/bin/env bash
# Software: Node.js 26.10.0, from npm's package node (needs npm; openssl to make the
# certificate), and any client, here Python's ssl with OpenSSL.
#
# Behaviour: a TLS server whose SNICallback calls back with an error, because it knows no such
# name, ends the TCP connection and sends no alert, where RFC 6066, section 3, has
# unrecognized_name for that. The client cannot tell it from a server that has died, or a
# line that was cut, and may try again. Where ALPNCallback returns undefined, the server does
# say no_application_protocol. Inside Node the first is 'tlsClientError' with the callback's
# error.
#
# Output seen on 2026-11-30:
#   v26.10.0, refuses a name: TLSv1.2 end without alert, TLSv1.3 end without alert; a protocol: TLSv1.2 alert no_application_protocol, TLSv1.3 alert no_application_protocol
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --prefix . node@26.10.0 >/dev/null 2>&1
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
	-subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
cat >server.js <<'END'
const tls = require('tls'), fs = require('fs');
const server = tls.createServer({
	key: fs.readFileSync('key.pem'), cert: fs.readFileSync('cert.pem'),
	SNICallback: (name, done) => name === 'localhost' ? done(null) : done(new Error('no such name')),
	ALPNCallback: ({ protocols }) => protocols.includes('known') ? 'known' : undefined,
}, s => s.on('error', () => {}).end('hello'));
server.on('tlsClientError', () => {});
server.listen(0, '127.0.0.1', () => console.log(server.address().port, process.version));
END
cat >main.py <<'END'
import re, socket, ssl, subprocess, sys

def ends(version, name, protocol):
    context = ssl.create_default_context(cafile="cert.pem")
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols([protocol])
    try:
        with socket.create_connection(("127.0.0.1", int(port)), timeout=20) as raw:
            with context.wrap_socket(raw, server_hostname=name, suppress_ragged_eofs=False) as tls:
                return tls.recv(5).decode()
    except (ssl.SSLEOFError, ConnectionResetError):
        return "end without alert"
    except ssl.SSLError as e:
        alert = re.search(r"alert ([a-z ]+[a-z])", str(e))
        return "alert " + alert[1].replace(" ", "_") if alert else str(e)

server = subprocess.Popen(["node_modules/node/bin/node", "server.js"], stdout=subprocess.PIPE, text=True)
try:
    port, node = server.stdout.readline().split()
    versions = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
    good = [ends(v, "localhost", "known") for v in versions]
    names = [ends(v, "other.example", "known") for v in versions]
    protocols = [ends(v, "localhost", "other") for v in versions]
finally:
    server.kill()
    server.wait()
print(f"{node}, refuses a name: TLSv1.2 {names[0]}, TLSv1.3 {names[1]}; a protocol: TLSv1.2 {protocols[0]}, TLSv1.3 {protocols[1]}")
sys.exit((good, names, protocols) != (["hello"] * 2, ["end without alert"] * 2, ["alert no_application_protocol"] * 2))
END
timeout 60 python3 main.py
