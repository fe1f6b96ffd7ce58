#!/usr/bin/env bash
# Software: Node.js 26.10.0, from npm's package node (needs npm; openssl to make the
# certificate), and Go's net/http and crypto/tls as of Go 1.27.3 (GOTOOLCHAIN fetches it from
# the Go module proxy; needs any Go since 1.21).
#
# Behaviour: https.get('https://host.example./'), with the dot that keeps a resolver from
# searching, sends the dot in server_name, where RFC 6066, section 3, has names without one.
# A server of crypto/tls cannot parse such a ClientHello and ends the handshake with
# decode_error: of the name nothing is said on either side. Node's own server takes it, and
# Node's client, which takes the dot off to compare the certificate's names, gets its page.
# With crypto/tls as the client the dot is taken off before.
#
# Output seen on 2026-11-30:
#   v26.10.0 gets from go1.27.3: https://host.example/ 200, https://host.example./ alert 50; from Node.js (which hears "host.example."): 200
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --prefix . node@26.10.0 >/dev/null 2>&1
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
	-subj /CN=host.example -addext subjectAltName=DNS:host.example 2>/dev/null
cat >go.mod <<'END'
module finding

go 1.27.0
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
)

func main() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		err = os.WriteFile("port.new", fmt.Append(nil, l.Addr().(*net.TCPAddr).Port), 0o600)
	}
	if err == nil {
		err = os.Rename("port.new", "port")
	}
	if err == nil {
		page := func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("page")) }
		err = http.ServeTLS(l, http.HandlerFunc(page), "cert.pem", "key.pem")
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
END
GOTOOLCHAIN=go1.27.3 GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0 go build -o server .
timeout 100 ./server 2>/dev/null &
server=$!
for _ in $(seq 100); do
	if [ -e port ]; then break; fi
	sleep 0.1
done
cat >main.js <<'END'
const https = require('https'), fs = require('fs');
const cert = fs.readFileSync('cert.pem'), key = fs.readFileSync('key.pem');

// get tells the page's status, or what the server said instead.
const get = (host, port) => new Promise(done => https.get({
	host, port, ca: cert, timeout: 10000, agent: false,
	lookup: (name, options, found) => found(null, [{ address: '127.0.0.1', family: 4 }]),
}, answer => done(String(answer.resume().statusCode))).on('error', e =>
	done((/alert number (\d+)/.exec(e.message) || [e.message, e.message])[0].replace('number ', ''))));

(async () => {
	const go = fs.readFileSync('port', 'utf8');
	const seen = [await get('host.example', go), await get('host.example.', go)];
	const own = https.createServer({ key, cert }, (ask, answer) => {
		seen.push(ask.socket.servername);
		answer.end('page');
	});
	await new Promise(done => own.listen(0, '127.0.0.1', done));
	seen.push(await get('host.example.', own.address().port));
	own.close();
	console.log(`${process.version} gets from go1.27.3: https://host.example/ ${seen[0]}, https://host.example./ ${seen[1]}; ` +
		`from Node.js (which hears "${seen[2]}"): ${seen[3]}`);
	process.exit(seen.join() === '200,alert 50,host.example.,200' ? 0 : 1);
})();
END
timeout 60 node_modules/node/bin/node main.js
