#!/usr/bin/env bash
# Software: OpenSSL 4.0.3, from the crate openssl-src 400.0.2+4.0.3 (needs cargo, perl,
# make and a C compiler; it builds for some minutes), and Go's crypto/tls as of Go 1.27.3
# (GOTOOLCHAIN fetches it from the Go module proxy; needs any Go since 1.21).
#
# Behaviour: where openssl s_client resumes a session with an ECH configuration, the outer
# ClientHello has a pre_shared_key with one binder of length 0. RFC 8446, section 4.2.11,
# has a binder of 32 bytes at least, and RFC 9849, section 6.1.2, one of random bytes as long
# as the inner ClientHello's. OpenSSL's own server does not look at it; one that reads the
# outer ClientHello by the book, such as crypto/tls, ends the handshake with decode_error. So
# the first connection with ECH is good, and each that resumes it fails, until the session is
# thrown away.
#
# Output seen on 2026-11-29:
#   go1.27.3, OpenSSL 4.0.3, with ECH: accepted, with a session refused (local error: tls: error decoding message); without ECH: good, resumed
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
mkdir build server
cat >build/Cargo.toml <<'END'
[package]
name = "source"
version = "0.0.0"
edition = "2021"

[dependencies]
openssl-src = "=400.0.2+4.0.3"

[lib]
path = "empty.rs"
END
touch build/empty.rs
(cd build && cargo vendor --quiet "$dir/crates" >/dev/null 2>&1)
cd crates/openssl-src/openssl
{
	timeout 300 perl Configure no-shared no-module no-tests no-docs no-legacy no-dso no-quic no-ssl-trace &&
		timeout 300 make build_generated &&
		timeout 1200 make -j"$(nproc)" apps/openssl
} >"$dir/log" 2>&1 || { tail -20 "$dir/log" >&2; exit 1; }
client=$PWD/apps/openssl
cd "$dir/server"
cat >go.mod <<'END'
module server

go 1.27.0
END
cat >server.go <<'END'
package main

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
)

func main() {
	key := must(ecdh.X25519().GenerateKey(rand.Reader))
	config, list := describe(key.PublicKey())
	listener := must(tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates:             []tls.Certificate{selfSigned()},
		EncryptedClientHelloKeys: []tls.EncryptedClientHelloKey{{Config: config, PrivateKey: key.Bytes(), SendAsRetry: true}},
	}))
	first := meet(listener, "-ech_config_list", list, "-sess_out", "session")
	second := meet(listener, "-ech_config_list", list, "-sess_in", "session")
	plain := meet(listener, "-sess_out", "session")
	resumed := meet(listener, "-sess_in", "session")
	fmt.Printf("%s, OpenSSL 4.0.3, with ECH: %s, with a session %s; without ECH: %s, %s\n", runtime.Version(), first, second, plain, resumed)
	if first != "accepted" || !strings.HasPrefix(second, "refused") || plain != "good" || resumed != "resumed" {
		os.Exit(1)
	}
}

// describe makes an ECHConfig (RFC 9849, section 4), and the list of it alone.
func describe(key *ecdh.PublicKey) (config []byte, list string) {
	var b, all cryptobyte.Builder
	b.AddUint16(0xfe0d)
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		b.AddUint8(1)       // an identifier
		b.AddUint16(0x0020) // X25519 and HKDF-SHA256
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(key.Bytes()) })
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddUint32(0x00010001) }) // HKDF-SHA256, AES-128-GCM
		b.AddUint8(0)
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte("outside.example")) })
		b.AddUint16(0)
	})
	config = b.BytesOrPanic()
	all.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(config) })
	return config, base64.StdEncoding.EncodeToString(all.BytesOrPanic())
}

func selfSigned() tls.Certificate {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	must(public, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(7), DNSNames: []string{"inside.example", "outside.example"},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour)}
	return tls.Certificate{Certificate: [][]byte{must(x509.CreateCertificate(rand.Reader, template, template, public, private))}, PrivateKey: private}
}

// meet has s_client connect with these options, and tells what became of it.
func meet(listener net.Listener, options ...string) string {
	client := exec.Command(os.Args[1], append([]string{"s_client", "-tls1_3", "-ign_eof", "-connect", listener.Addr().String(), "-servername", "inside.example"}, options...)...)
	if err := client.Start(); err != nil {
		panic(err)
	}
	defer client.Wait()
	conn := must(listener.Accept()).(*tls.Conn)
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	if err := conn.Handshake(); err != nil {
		return "refused (" + strings.TrimPrefix(err.Error(), "tls: ") + ")"
	}
	conn.Write([]byte("hello\n")) // behind which s_client has the session
	switch state := conn.ConnectionState(); {
	case state.DidResume:
		return "resumed"
	case state.ECHAccepted:
		return "accepted"
	}
	return "good"
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
END
export GOTOOLCHAIN=go1.27.3 GOFLAGS=-mod=mod GOWORK=off
go get golang.org/x/crypto@v0.58.0 2>/dev/null
timeout 300 go run . "$client"
