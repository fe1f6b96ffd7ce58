#!/usr/bin/env bash
# Software: github.com/refraction-networking/utls v1.8.2 with Go 1.27.3 (GOTOOLCHAIN fetches it
# from the Go module proxy; needs any Go since 1.21), and any server that compresses its
# certificates by zlib, here rustls 0.23.46 (needs cargo and a C compiler; it builds for some
# minutes).
#
# Behaviour: with the ClientHello of Safari the client offers certificates compressed by zlib
# (RFC 8879), and refuses each Certificate message above 32 KiB that a server sends so, with
# the alert bad_certificate, "decompressed len (32768) does not match specified len": it reads
# the decompressor once, and that gives at most its window. A certificate for many names, or a
# chain with post-quantum signatures, is as long. The same certificate is good for the same
# client with the ClientHello of Chrome, which offers brotli, or of Go, which offers nothing.
#
# Output seen on 2026-11-30 (the sizes vary by a byte):
#   utls v1.8.2, rustls 0.23.46: certificate of 28366 bytes: Golang good, Chrome good, Safari good; of 38367 bytes: Golang good, Chrome good, Safari refused
set -euo pipefail
dir=$(mktemp -d)
server=
trap 'if [ "$server" ]; then kill "$server" 2>/dev/null || true; fi; rm -rf "$dir"' EXIT
cd "$dir"
export GOTOOLCHAIN=go1.27.3 GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0
mkdir src
cat >Cargo.toml <<'END'
[package]
name = "peer"
version = "0.1.0"
edition = "2021"

[dependencies]
rustls = { version = "=0.23.46", default-features = false, features = ["std", "ring", "brotli", "zlib"] }
END
cat >src/main.rs <<'END'
use rustls::pki_types::{pem::PemObject, CertificateDer, PrivateKeyDer};
use std::{io::Write, net::TcpListener, sync::Arc};

/// CHAIN KEY: says its port, and serves one connection after the other.
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let chain = CertificateDer::pem_file_iter(&args[1]).unwrap().map(|c| c.unwrap()).collect();
    let key = PrivateKeyDer::from_pem_file(&args[2]).unwrap();
    let config = Arc::new(rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    std::io::stdout().flush().unwrap();
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let mut server = rustls::ServerConnection::new(config.clone()).unwrap();
        let _ = server.complete_io(&mut stream);
        server.send_close_notify();
        let _ = server.complete_io(&mut stream);
    }
}
END
timeout 900 cargo build --quiet --target-dir target 2>log || { cat log >&2; exit 1; }
cat >go.mod <<'END'
module finding

go 1.27.0

require github.com/refraction-networking/utls v1.8.2
END
cat >main.go <<'END'
package main

import (
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	tls "github.com/refraction-networking/utls"
)

func main() {
	pem, err := os.ReadFile(os.Args[2])
	roots := x509.NewCertPool()
	if err != nil || !roots.AppendCertsFromPEM(pem) {
		panic(err)
	}
	var told []string
	for _, id := range []tls.ClientHelloID{tls.HelloGolang, tls.HelloChrome_131, tls.HelloSafari_16_0} {
		conn, err := net.Dial("tcp", "127.0.0.1:"+os.Args[1])
		if err != nil {
			panic(err)
		}
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		client := tls.UClient(conn, &tls.Config{ServerName: "localhost", RootCAs: roots}, id)
		how := "good"
		if err := client.Handshake(); err != nil && strings.Contains(err.Error(), "decompressed len (32768)") {
			how = "refused"
		} else if err != nil {
			how = err.Error()
		}
		told = append(told, id.Client+" "+how)
		client.Close()
	}
	fmt.Println(strings.Join(told, ", "))
}
END
timeout 300 go build -o client 2>log || { cat log >&2; exit 1; }
shown=
with() { # NAMES: how each ClientHello fares with a certificate for so many
	local names=DNS:localhost i
	for i in $(seq "$1"); do names+=,DNS:$(printf 'host-number-%06d-of-many.example.org' "$i"); done
	printf '[req]\ndistinguished_name=d\nprompt=no\nx509_extensions=e\n[d]\nCN=localhost\n[e]\nsubjectAltName=%s\n' "$names" >config
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout key.pem -out cert.pem -config config 2>/dev/null
	mkfifo port
	timeout 60 target/debug/peer cert.pem key.pem >port &
	server=$!
	read -r port <port
	shown="$(openssl x509 -in cert.pem -outform DER | wc -c) bytes: $(./client "$port" cert.pem)"
	kill "$server"
	wait "$server" 2>/dev/null || true
	rm port
}
with 700
short=$shown
with 950
echo "utls v1.8.2, rustls 0.23.46: certificate of $short; of $shown"
[[ "$short / $shown" == *': Golang good, Chrome good, Safari good / '*': Golang good, Chrome good, Safari refused' ]]
