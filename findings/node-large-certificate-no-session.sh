#!/usr/bin/env bash
# Software: Node.js 26.10.0, from npm's package node (needs npm; openssl to make the
# certificates).
#
# Behaviour: a TLS client of Node's never resumes a session with a server whose
# certificate is large. The event 'session' does not come, and there is no error and no
# warning: a session above 10 KiB in OpenSSL's encoding is dropped, and that encoding
# holds the peer's certificate. A certificate for 400 names is enough, or one with a
# post-quantum key and signature below an intermediate of the same kind. With a small
# certificate the event comes once under TLS 1.2 and twice under TLS 1.3.
#
# Output seen on 2026-11-29:
#   v26.10.0: session events with a certificate of 0.4 kB: 1 (TLSv1.2), 2 (TLSv1.3); of 11.9 kB: 0, 0
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --prefix . node@26.10.0 >/dev/null 2>&1
names=DNS:localhost
certificate() { # NAME SUBJECTALTNAME
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.pem" \
		-days 2 -subj /CN=localhost -addext "subjectAltName=$2" 2>/dev/null
}
certificate small "$names"
for i in $(seq 400); do names+=,DNS:host-number-$i.example.com; done
certificate large "$names"
cat >events.js <<'END'
const tls = require('tls'), fs = require('fs'), crypto = require('crypto');

// events counts how often a client is told of a session that it may keep.
async function events(name, version) {
	const cert = fs.readFileSync(name + '.pem'), key = fs.readFileSync(name + '.key');
	const server = tls.createServer({ key, cert, minVersion: version, maxVersion: version }, s => {
		s.on('error', () => {});
		s.end('x');
	});
	await new Promise(done => server.listen(0, '127.0.0.1', done));
	const client = tls.connect({ port: server.address().port, host: '127.0.0.1', ca: cert, servername: 'localhost' });
	let n = 0;
	client.on('session', () => n++).resume();
	await new Promise((done, failed) => client.on('close', done).on('error', failed));
	server.close();
	return n;
}

(async () => {
	const told = [];
	for (const name of ['small', 'large'])
		for (const version of ['TLSv1.2', 'TLSv1.3']) told.push(await events(name, version));
	const size = name => (new crypto.X509Certificate(fs.readFileSync(name + '.pem')).raw.length / 1000).toFixed(1);
	console.log(`${process.version}: session events with a certificate of ${size('small')} kB: ${told[0]} (TLSv1.2), ` +
		`${told[1]} (TLSv1.3); of ${size('large')} kB: ${told[2]}, ${told[3]}`);
	process.exit(told.join() === '1,2,0,0' ? 0 : 1);
})();
END
timeout 60 node_modules/node/bin/node events.js
