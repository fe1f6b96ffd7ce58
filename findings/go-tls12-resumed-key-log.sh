#!/usr/bin/env bash
# Software: Go's crypto/tls as of Go 1.27.3 (GOTOOLCHAIN fetches it from the Go module
# proxy; needs any Go since 1.21), as client and as server.
#
# Behaviour: Config.KeyLogWriter gets nothing of a connection that resumes a session of
# TLS 1.2, on either side. Its documentation says that it is for external programs to
# decrypt TLS connections with; whoever has captured the resumed connection alone, and its
# key log, cannot. The first connection, and a resumed one of TLS 1.3, are written.
#
# Output seen on 2026-11-30:
#   go1.27.3, lines of the key log, client and server: TLS 1.2 first 1 1, resumed 0 0; TLS 1.3 first 4 4, resumed 4 4
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.27.0
END
cat >main.go <<'END'
package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"os"
	"runtime"
	"time"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func check(err error) { must(0, err) }

func main() {
	time.AfterFunc(30*time.Second, func() { panic("timeout") })
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"},
		DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der := must(x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key))
	roots := x509.NewCertPool()
	roots.AddCert(must(x509.ParseCertificate(der)))
	server := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	var ticketKey [32]byte
	must(rand.Read(ticketKey[:]))
	server.SetSessionTicketKeys([][32]byte{ticketKey})

	said := runtime.Version() + ", lines of the key log, client and server:"
	asSeen := true
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		said += " " + tls.VersionName(version)
		cache := tls.NewLRUClientSessionCache(1)
		for _, resumed := range []bool{false, true} {
			var ofClient, ofServer bytes.Buffer
			serving := server.Clone()
			serving.KeyLogWriter = &ofServer
			listener := must(tls.Listen("tcp", "127.0.0.1:0", serving))
			done := make(chan error)
			go func() {
				conn, err := listener.Accept()
				if err == nil {
					_, err = conn.Write([]byte("x"))
					conn.Read(make([]byte, 1)) // the client's end
					conn.Close()
				}
				done <- err
			}()
			conn := must(tls.Dial("tcp", listener.Addr().String(), &tls.Config{ServerName: "localhost", RootCAs: roots,
				MaxVersion: version, ClientSessionCache: cache, KeyLogWriter: &ofClient}))
			must(conn.Read(make([]byte, 1)))
			if conn.ConnectionState().DidResume != resumed {
				panic("resumed or not")
			}
			conn.Close()
			check(<-done)
			listener.Close()
			name := map[bool]string{false: " first", true: ", resumed"}[resumed]
			c, s := bytes.Count(ofClient.Bytes(), []byte("\n")), bytes.Count(ofServer.Bytes(), []byte("\n"))
			said += fmt.Sprintf("%s %d %d", name, c, s)
			want := map[uint16]int{tls.VersionTLS12: 1, tls.VersionTLS13: 4}[version]
			if version == tls.VersionTLS12 && resumed {
				want = 0
			}
			asSeen = asSeen && c == want && s == want
		}
		if version == tls.VersionTLS12 {
			said += ";"
		}
	}
	fmt.Println(said)
	if !asSeen {
		os.Exit(1)
	}
}
END
GOTOOLCHAIN=go1.27.3 CGO_ENABLED=0 timeout 120 go run .
