package main

import (
	"bytes"
	"crypto/tls"
	"slices"
	"strings"
	"testing"

	"tlsify/engine"
	"tlsify/engine/enginetest"
)

// A peer that is refused is told why, by the same alert from every engine.
func TestAlertsSayWhy(t *testing.T) {
	pki := pkiFiles(t)
	for chain, want := range map[string]string{
		"good":          "tls: unknown certificate authority", // with another root
		"self-signed":   "tls: unknown certificate authority",
		"expired":       "tls: expired certificate",
		"not-yet-valid": "tls: expired certificate",
		"wrong-name":    "tls: bad certificate",
		"pin":           "tls: unknown certificate",
	} {
		for _, e := range built() {
			for _, version := range []string{"1.2", "1.3"} {
				if version == "1.2" && e.Name() == "pq" {
					continue
				}
				t.Run(chain+"/"+e.Name()+"/"+version, func(t *testing.T) {
					t.Parallel()
					name := chain
					options := []string{"--engine", e.Name()}
					switch chain {
					case "good":
						options = append(options, "--trust", pki+"/other-ca.pem")
					case "pin":
						name, options = "good", append(options, "--trust", pki+"/ca.pem", "--pin", pki+"/other-ca.pem")
					default:
						options = append(options, "--trust", pki+"/ca.pem")
					}
					s := startServer(t, "quiet", "chain="+name, "tls="+version)
					l := newLaunch(t)
					l.start(slices.Concat([]string{"connect", "--name", enginetest.Host}, options, []string{s.address})...).wait()
					if notes := s.seen(t, 1); !strings.Contains(notes, "remote error: "+want) {
						t.Errorf("want %q, the server saw: %s", want, notes)
					}
				})
			}
		}
	}
}

// A client is told whose certificates are accepted, and when its own is not, why.
func TestClientIsToldWhichCAs(t *testing.T) {
	pki := pkiFiles(t)
	set := enginetest.PKI(t)
	for _, e := range built() {
		if _, ok := e.(engine.ServerEngine); !ok {
			continue
		}
		t.Run(e.Name(), func(t *testing.T) {
			t.Parallel()
			s := listening(t, "127.0.0.1:0", "--engine", e.Name(), "--client-auth", "require",
				"--client-trust", pki+"/other-ca.pem", "--", "cat")
			var names [][]byte
			config := clientConfig(t)
			config.GetClientCertificate = func(r *tls.CertificateRequestInfo) (*tls.Certificate, error) {
				names = r.AcceptableCAs
				c := enginetest.TLSCertificate(enginetest.Chain(t, "client"))
				return &c, nil
			}
			c, err := dialClient(s.address, config)
			if err == nil {
				_, err = c.Read(make([]byte, 1))
			}
			if err == nil || !strings.Contains(err.Error(), "tls: unknown certificate authority") {
				t.Errorf("the client is told %v", err)
			}
			if len(names) != 1 || !bytes.Equal(names[0], set.Other.Cert.RawSubject) {
				t.Errorf("the acceptable CAs are %q", names)
			}
		})
	}
}
