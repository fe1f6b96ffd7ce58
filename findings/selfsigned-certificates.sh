#!/usr/bin/env bash
# Software: npm's package selfsigned 5.5.0, which makes the certificates of webpack-dev-server
# and other servers for development, and any verifier, here Node.js 26.10.0 with OpenSSL 3.5.8
# (npm's package node; needs Node.js and npm).
#
# Behaviour: generate() with clientCertificate: true makes a certificate for clients, too, "for
# environments where servers require client certificates", signed by the server's key. A server
# that trusts the server's certificate refuses it: that is CA:FALSE, and may not sign
# certificates by its key usage, so it vouches for nobody but itself (RFC 5280, sections 4.2.1.3
# and 4.2.1.9). It has to be given the extensions of a CA first. And where the common name is an
# address, it goes into the alternative names as a DNS name, where none counts (RFC 9525, section
# 6.4): a client that trusts the certificate refuses it for that address. Of the common name
# localhost the address 127.0.0.1 is added as one.
#
# Output seen on 2026-11-30:
#   selfsigned 5.5.0: certificate for localhost, asked for as localhost good, as 127.0.0.1 good; for 127.0.0.1, asked for so ERR_TLS_CERT_ALTNAME_INVALID; client certificate: refused, with extensions of a CA good
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --prefix . selfsigned@5.5.0 node@26.10.0 >/dev/null 2>&1
cat >main.js <<'END_JS'
const selfsigned = require('selfsigned');
const tls = require('tls');

const name = value => [{ name: 'commonName', value }];
const ca = [
  { name: 'basicConstraints', cA: true, critical: true },
  { name: 'keyUsage', keyCertSign: true, digitalSignature: true, critical: true },
  { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] },
];

// connect is how a client that trusts root finds the server, and how the server, which trusts
// the same, finds the client's certificate, if there is one.
function connect(server, host, root, client = {}) {
  return new Promise(done => {
    let theirs = 'none';
    const listener = tls.createServer({ ...server, ca: root, requestCert: !!client.cert, rejectUnauthorized: false }, socket => {
      if (client.cert) theirs = socket.authorized ? 'good' : 'refused';
      socket.on('error', () => {});
      socket.end();
    }).on('tlsClientError', () => {}).listen(0, '127.0.0.1', () => {
      const end = ours => { socket.destroy(); listener.close(() => done({ ours, theirs })); };
      const options = { host: '127.0.0.1', port: listener.address().port, ca: root, ...client };
      if (host === 'localhost') options.servername = host;
      const socket = tls.connect(options).on('error', e => end(e.code)).on('end', () => end('good')).resume();
    });
  });
}

(async () => {
  const of = p => ({ key: p.private, cert: p.cert });
  const sha256 = { algorithm: 'sha256' };
  const address = await selfsigned.generate(name('127.0.0.1'), sha256);
  const host = await selfsigned.generate(name('localhost'), { ...sha256, clientCertificate: true });
  const asCA = await selfsigned.generate(name('localhost'), { ...sha256, clientCertificate: true, extensions: ca });
  const client = p => ({ key: p.clientprivate, cert: p.clientcert });
  console.log('selfsigned 5.5.0: certificate for localhost' +
    `, asked for as localhost ${(await connect(of(host), 'localhost', host.cert)).ours}` +
    `, as 127.0.0.1 ${(await connect(of(host), '127.0.0.1', host.cert)).ours}` +
    `; for 127.0.0.1, asked for so ${(await connect(of(address), '127.0.0.1', address.cert)).ours}` +
    `; client certificate: ${(await connect(of(host), 'localhost', host.cert, client(host))).theirs}` +
    `, with extensions of a CA ${(await connect(of(asCA), 'localhost', asCA.cert, client(asCA))).theirs}`);
})();
END_JS
seen=$(timeout 120 node_modules/node/bin/node main.js)
echo "$seen"
[ "$seen" = "selfsigned 5.5.0: certificate for localhost, asked for as localhost good, as 127.0.0.1 good; for 127.0.0.1, asked for so ERR_TLS_CERT_ALTNAME_INVALID; client certificate: refused, with extensions of a CA good" ]
