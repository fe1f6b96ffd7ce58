#!/usr/bin/env bash
# Software: Go's crypto/x509 as of Go 1.27.3 (GOTOOLCHAIN fetches it from the Go
# module proxy); needs any Go since 1.21.
#
# Behaviour: Certificate.Signature is not the bytes of the certificate's BIT
# STRING. Where that says that bits at its end are unused, which DER allows for a
# BIT STRING in general, ParseCertificate accepts the certificate and shifts the
# whole value to the right by as many bits. A signature over the rest is then
# wrong, and so nobody minds; but what is no signature and only stands in its
# place, as a Merkle Tree Certificate's proof does, must be read from
# Certificate.Raw, or a proof with unused bits, which the draft has refused, and
# one without look alike up to the shift.
#
# Output seen on 2026-11-29:
#   go1.27.3: accepted with 1 unused bit; Signature is the value shifted right by 1: true
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
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"math/big"
	"os"
	"runtime"
	"time"
)

type certificate struct {
	TBS, Algorithm asn1.RawValue
	Signature      asn1.BitString
}

func main() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
	for {
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		check(err)
		var c certificate
		_, err = asn1.Unmarshal(der, &c)
		check(err)
		value := c.Signature.Bytes
		if value[len(value)-1]&1 != 0 {
			continue // DER wants the unused bits to be zero
		}
		c.Signature.BitLength--
		der, err = asn1.Marshal(c)
		check(err)
		parsed, err := x509.ParseCertificate(der)
		if err != nil {
			fmt.Printf("%s: refused: %v\n", runtime.Version(), err)
			os.Exit(1)
		}
		var want big.Int
		want.Rsh(want.SetBytes(value), 1)
		shifted := bytes.Equal(parsed.Signature, want.FillBytes(make([]byte, len(value))))
		fmt.Printf("%s: accepted with 1 unused bit; Signature is the value shifted right by 1: %v\n", runtime.Version(), shifted)
		if !shifted {
			os.Exit(1)
		}
		return
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
END
export GOTOOLCHAIN=go1.27.3 GOFLAGS=-mod=mod GOWORK=off
timeout 300 go run .
