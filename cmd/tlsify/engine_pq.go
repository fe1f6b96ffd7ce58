//go:build pq

package main

import (
	"crypto"
	"crypto/x509"

	"tlsify/engines/pq"
)

func init() {
	engines = append(engines, pq.New())
	beyondX509 = &signatures{
		check:          pq.CheckSignature,
		parseKey:       pq.ParsePrivateKey,
		parsePublicKey: pq.ParsePublicKey,
		sign:           pq.SignMessage,
		fits: func(leaf *x509.Certificate, key crypto.Signer) bool {
			public, err := pq.ParsePublicKey(leaf.RawSubjectPublicKeyInfo)
			if err != nil {
				return false
			}
			comparable, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
			return ok && comparable.Equal(public)
		},
	}
}
