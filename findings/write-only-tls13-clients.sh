#!/usr/bin/env bash
# Software: the TLS clients of Go's crypto/tls as of Go 1.27.3 (GOTOOLCHAIN fetches it from the Go
# module proxy; needs any Go since 1.21), Node.js 26.10.0 (npm's package node; needs npm), ncat
# 7.93 (Debian 12's ncat 7.93+dfsg1-1; needs apt-get, dpkg and the libraries of others that it
# wants) and Python's ssl, beside OpenSSL's s_client, on Linux; and any server that sends tickets
# and reads more slowly than it is sent to, here Python's ssl with OpenSSL.
#
# Behaviour: a client that writes all it has, never reads, and closes, loses most of it with TLS
# 1.3 and nothing with TLS 1.2. The server's tickets come behind the handshake (RFC 8446, section
# 4.6.1) and lie unread in the client's socket; the close of a socket with unread bytes is a reset,
# and what was not yet sent is thrown away. Each write, and each close, has said that all is well:
# Write and Close of Go, sendall and close, end and 'finish' before destroySoon, the status 0 of
# ncat --send-only. A program that ships logs or backups finds it with a slow line or a large file.
# One that reads to the end before it closes, as s_client does, loses nothing.
#
# Output seen on 2026-11-30 (the numbers of what is lost vary):
#   of 3000000 bytes arrived by TLSv1.2, TLSv1.3: go1.27.3 all, 81920; Node.js 26.10.0 all, 114688; ncat 7.93 all, 344064; Python all, 114688; s_client all, all; each client said that all is well: yes
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export GOTOOLCHAIN=go1.27.3 GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0
npm init -y >/dev/null 2>&1
npm install --silent --no-audit --no-fund node@26.10.0 >/dev/null
apt-get -o APT::Sandbox::User=root download -q ncat=7.93+dfsg1-1 >/dev/null
dpkg -x ncat_*.deb ncat
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout key.pem -out cert.pem \
	-subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
head -c 3000000 /dev/zero >data
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
	roots := x509.NewCertPool()
	text, err := os.ReadFile("cert.pem")
	if err != nil || !roots.AppendCertsFromPEM(text) {
		panic("cert.pem")
	}
	conn, err := tls.Dial("tcp", "127.0.0.1:"+os.Args[1], &tls.Config{RootCAs: roots, ServerName: "localhost"})
	if err != nil {
		panic(err)
	}
	if n, err := conn.Write(make([]byte, 3000000)); n != 3000000 || err != nil {
		panic(err)
	}
	if err := conn.Close(); err != nil {
		panic(err)
	}
	fmt.Println("all is well")
}
END
timeout 200 go build -o client main.go
cat >client.js <<'END'
const c = require("tls").connect({
	host: "127.0.0.1", port: +process.argv[2], servername: "localhost", ca: require("fs").readFileSync("cert.pem"),
}, () => { c.write(Buffer.alloc(3000000)); c.destroySoon(); });
c.on("error", (e) => { console.log(e); process.exitCode = 1; });
c.on("finish", () => console.log("all is well"));
END
cat >client.py <<'END'
import socket, ssl, sys

context = ssl.create_default_context(cafile="cert.pem")
with context.wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[1]))), server_hostname="localhost") as s:
    s.sendall(bytes(3000000))
print("all is well")
END
cat >server.py <<'END'
import socket, ssl, subprocess, time

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("cert.pem", "key.pem")
quiet = True


def arrives(command, version):
    global quiet
    context.minimum_version = context.maximum_version = version
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(20)
    command = [word.replace("PORT", str(listener.getsockname()[1])) for word in command]
    with open("data") as data:
        client = subprocess.Popen(command, stdin=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    n = 0
    try:
        raw, _ = listener.accept()
        raw.settimeout(20)
        with context.wrap_socket(raw, server_side=True) as s:
            time.sleep(0.3)
            while got := s.recv(65536):
                n += len(got)
                time.sleep(0.005)
    except OSError:
        pass
    said = client.communicate(timeout=20)[0]
    if client.returncode != 0 or "client" in command[-2] and said != "all is well\n":
        quiet = False
    return n


clients = {
    "go1.27.3": ["./client", "PORT"],
    "Node.js 26.10.0": ["node_modules/.bin/node", "client.js", "PORT"],
    "ncat 7.93": ["ncat/usr/bin/ncat", "--ssl-verify", "--ssl-trustfile", "cert.pem", "--ssl-servername", "localhost",
                  "--send-only", "127.0.0.1", "PORT"],
    "Python": ["python3", "client.py", "PORT"],
    "s_client": ["openssl", "s_client", "-quiet", "-no_ign_eof", "-CAfile", "cert.pem", "-servername", "localhost",
                 "-connect", "127.0.0.1:PORT"],
}
good, said = True, []
for name, command in clients.items():
    old = arrives(command, ssl.TLSVersion.TLSv1_2)
    new = arrives(command, ssl.TLSVersion.TLSv1_3)
    said.append(name + " " + ", ".join("all" if n == 3000000 else str(n) for n in (old, new)))
    good = good and old == 3000000 and (new == 3000000) == (name == "s_client")
print("of 3000000 bytes arrived by TLSv1.2, TLSv1.3: %s; each client said that all is well: %s"
      % ("; ".join(said), "yes" if quiet else "no"))
raise SystemExit(not (good and quiet))
END
timeout 200 python3 server.py
