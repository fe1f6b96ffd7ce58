#!/usr/bin/env bash
# Software: Deno 2.9.6, whose TLS is rustls with webpki (npm's package @deno/linux-x64-glibc), as a
# client, beside Node.js 26.10.0 with OpenSSL 3.5.8 (npm's package node; both need npm) and Go's
# crypto/tls as of Go 1.27.3 (GOTOOLCHAIN fetches it from the Go module proxy; needs any Go since
# 1.21); and a certificate made with PyPI's cryptography 46.0.3 (needs pip).
#
# Behaviour: webpki reads no time before 1970, and calls a certificate that has one badly encoded:
# "BadEncoding", and nothing of a time. RFC 5280, section 4.1.2.5, has times from 1950 on in a
# UTCTime, and others take them. A device without a clock that starts at 1970 makes such a
# certificate as soon as its maker backdates it by an hour or a day, as many do for clients whose
# clock is behind; so does who wants one that is valid always. It is good for the other two, and for
# a program with rustls it can't be made good by trusting it. One from the first second of 1970 is
# good. So is a root with such a time, as here: of roots that it trusts, webpki reads no times.
#
# Output seen on 2026-11-30:
#   valid from 1969-12-31T23:00:00: Deno 2.9.6 BadEncoding, Node.js 26.10.0 good, go1.27.3 good; from 1970-01-01T00:00:00: Deno 2.9.6 good, Node.js 26.10.0 good, go1.27.3 good
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export GOTOOLCHAIN=go1.27.3 GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0
npm install --silent --no-audit --no-fund --prefix npm @deno/linux-x64-glibc@2.9.6 node@26.10.0 >/dev/null
python3 -m venv maker >/dev/null
maker/bin/pip install --quiet --disable-pip-version-check cryptography==46.0.3
cat >make.py <<'END'
import datetime, sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

def certificate(file, name, key, issuer, signer, start, ca):
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(issuer).public_key(key.public_key()).serial_number(
        x509.random_serial_number()).not_valid_before(start).not_valid_after(datetime.datetime(2049, 1, 1))
    builder = builder.add_extension(x509.BasicConstraints(ca, None), True)
    if not ca:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
    with open(file, "wb") as out:
        out.write(builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

name = lambda text: x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])
root, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
certificate("ca.pem", name("root"), root, name("root"), root, datetime.datetime(1969, 1, 1), True)
for start in sys.argv[1:]:
    certificate(start + ".pem", name("localhost"), key, name("root"), root, datetime.datetime.fromisoformat(start), False)
with open("key.pem", "wb") as out:
    out.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
END
starts=(1969-12-31T23:00:00 1970-01-01T00:00:00)
maker/bin/python make.py "${starts[@]}"
cat >go.mod <<'END'
module finding

go 1.27.0
END
cat >main.go <<'END'
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

func main() {
	pem, err := os.ReadFile("ca.pem")
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	c, err := tls.Dial("tcp", "127.0.0.1:"+os.Args[1], &tls.Config{RootCAs: roots, ServerName: "localhost"})
	if err != nil {
		fmt.Print(err)
		return
	}
	c.Close()
	fmt.Print("good")
}
END
go build -o visit .
cat >visit.js <<'END'
const tls = require('tls');
const c = tls.connect({ port: process.argv[2], host: '127.0.0.1', servername: 'localhost', ca: require('fs').readFileSync('ca.pem') },
	() => { process.stdout.write('good'); process.exit(); });
c.on('error', (e) => { process.stdout.write(e.code); process.exit(); });
END
cat >visit.ts <<'END'
try {
	const c = await Deno.connectTls({ port: Number(Deno.args[0]), hostname: "localhost", caCerts: [Deno.readTextFileSync("ca.pem")] });
	await c.handshake();
	console.log("good");
} catch (e) {
	console.log(String(e).replace(/.*: /, ""));
}
Deno.exit();
END
cat >ask.py <<'END'
import socket, subprocess, sys, time

def port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]

clients = {"Deno 2.9.6": ["npm/node_modules/@deno/linux-x64-glibc/deno", "run", "--quiet", "--no-lock", "-A", "visit.ts"],
           "Node.js 26.10.0": ["npm/node_modules/node/bin/node", "visit.js"], "go1.27.3": ["./visit"]}
seen = []
for start in sys.argv[1:]:
    at = str(port())
    server = subprocess.Popen(["openssl", "s_server", "-quiet", "-www", "-accept", at, "-cert", start + ".pem", "-key", "key.pem"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", at)).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.1)
        seen.append([subprocess.run([*c, at], stdout=subprocess.PIPE, text=True, timeout=30).stdout.strip() for c in clients.values()])
    finally:
        server.kill()
        server.wait()
told = [f"from {start}: " + ", ".join(f"{c} {what}" for c, what in zip(clients, row)) for start, row in zip(sys.argv[1:], seen)]
print("valid " + "; ".join(told))
sys.exit(seen != [["BadEncoding", "good", "good"], ["good"] * 3])
END
DENO_DIR=$dir/deno timeout 120 python3 ask.py "${starts[@]}"
