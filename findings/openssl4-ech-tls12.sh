#!/usr/bin/env bash
# Software: OpenSSL 4.0.3, from the crate openssl-src 400.0.2+4.0.3 (needs cargo, perl,
# make and a C compiler; it builds for some minutes), and Go's crypto/tls as of Go 1.27.3
# (GOTOOLCHAIN fetches it from the Go module proxy; needs any Go since 1.21).
#
# Behaviour: openssl s_client with an ECH configuration (-ech_config_list) offers TLS 1.2
# beside TLS 1.3 in the inner ClientHello, where RFC 9849, section 6.1, has it offer
# nothing below TLS 1.3. Servers that check that, such as crypto/tls, end the handshake
# with illegal_parameter, and it looks as if the server's ECH were broken. With -tls1_3
# the same command is accepted; a program of one's own has to set the minimum version.
#
# Output seen on 2026-11-29:
#   go1.27.3, OpenSSL 4.0.3: ECH accepted: by default false (client sent invalid encrypted_client_hello extension), with -tls1_3 true
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
mkdir crate go
cat >crate/Cargo.toml <<'END'
[package]
name = "finding"
version = "0.1.0"
edition = "2021"

[build-dependencies]
openssl-src = "=400.0.2+4.0.3"

[lib]
path = "lib.rs"
END
touch crate/lib.rs
(cd crate && cargo vendor --quiet ../vendor >/dev/null 2>&1)
cd vendor/openssl-src/openssl
{
	timeout 300 perl Configure no-shared no-module no-tests no-docs no-legacy no-dso no-quic no-ssl-trace &&
		timeout 300 make build_generated &&
		timeout 1200 make -j"$(nproc)" apps/openssl
} >"$dir/log" 2>&1 || { tail -20 "$dir/log" >&2; exit 1; }
openssl=$PWD/apps/openssl
cd "$dir/go"
cat >go.mod <<'END'
module finding

go 1.27.0
END
cat >main.go <<'END'
package main

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// config is an ECHConfig (RFC 9849, section 4) for public.example.
func config(public []byte) []byte {
	const name = "public.example"
	contents := []byte{7, 0, 32, 0, 32} // an identifier, X25519, the key's length
	contents = append(contents, public...)
	contents = append(contents, 0, 4, 0, 1, 0, 1, 0, byte(len(name))) // HKDF-SHA256, AES-128-GCM
	contents = append(contents, name...)
	contents = append(contents, 0, 0)
	out := binary.BigEndian.AppendUint16([]byte{0xfe, 0x0d}, uint16(len(contents)))
	return append(out, contents...)
}

func main() {
	openssl := os.Args[1]
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "secret.example"},
		NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"public.example", "secret.example"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(err)
	private, err := ecdh.X25519().GenerateKey(rand.Reader)
	check(err)
	ech := config(private.PublicKey().Bytes())
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates:             []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		EncryptedClientHelloKeys: []tls.EncryptedClientHelloKey{{Config: ech, PrivateKey: private.Bytes(), SendAsRetry: true}},
	})
	check(err)
	list := base64.StdEncoding.EncodeToString(append(binary.BigEndian.AppendUint16(nil, uint16(len(ech))), ech...))
	byDefault, why := accepted(l, openssl, list)
	alone, _ := accepted(l, openssl, list, "-tls1_3")
	fmt.Printf("%s, OpenSSL 4.0.3: ECH accepted: by default %v (%s), with -tls1_3 %v\n", runtime.Version(), byDefault, why, alone)
	if byDefault || !alone {
		os.Exit(1)
	}
}

// accepted tells whether a server takes the inner ClientHello of s_client.
func accepted(l net.Listener, openssl, list string, more ...string) (bool, string) {
	client := exec.Command(openssl, append([]string{"s_client", "-connect", l.Addr().String(), "-servername", "secret.example", "-ech_config_list", list}, more...)...)
	check(client.Start())
	c, err := l.Accept()
	check(err)
	c.SetDeadline(time.Now().Add(10 * time.Second))
	why := "no error"
	if err = c.(*tls.Conn).Handshake(); err != nil {
		why = strings.TrimPrefix(err.Error(), "tls: ")
	}
	c.Close()
	client.Wait()
	return c.(*tls.Conn).ConnectionState().ECHAccepted, why
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
END
export GOTOOLCHAIN=go1.27.3 GOFLAGS=-mod=mod GOWORK=off
timeout 300 go run . "$openssl"
