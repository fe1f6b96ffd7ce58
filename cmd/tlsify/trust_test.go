package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tlsify/engine/enginetest"
)

// trusting are the options that make the test's servers trusted.
func trusting(t testing.TB) []string { return []string{"--trust", pkiFiles(t) + "/ca.pem"} }

// connectTo is connect with options, to a server, as the test's host.
func connectTo(t testing.TB, s *server, options ...string) []string {
	args := append([]string{"connect", "--name", enginetest.Host}, trusting(t)...)
	return append(append(soonEnding(args, options), options...), s.address)
}

// soonEnding adds to arguments that a server who waits for our end need not do
// so for long, unless options are about that, or leave no end to tlsify.
func soonEnding(args, options []string) []string {
	handed := slices.Contains(options, "--handoff") && slices.Contains(options, "ktls")
	if handed || slices.ContainsFunc(options, func(o string) bool { return strings.HasPrefix(o, "--eof") }) {
		return args
	}
	return append(args, "--eof-wait=300ms")
}

// Every chain of the test PKI, good or bad, by name and by address: accepted,
// or refused with its CODE, the evidence before the reason, and not one byte
// for the server.
func TestTrustMatrix(t *testing.T) {
	for _, c := range enginetest.Cases() {
		for _, by := range []struct{ what, name, code string }{
			{"name", c.Host, c.DNSCode},
			{"address", enginetest.Address, c.AddressCode},
		} {
			t.Run(c.Name+"/"+by.what, func(t *testing.T) {
				t.Parallel()
				s := startServer(t, "talk", "chain="+c.Name)
				l := newLaunch(t)
				in := l.feed(0)
				in.WriteString("private")
				in.Close()
				tlsify := l.start(append(append([]string{"connect", "--name", by.name}, trusting(t)...), s.address)...)
				evidence := []string{"tlsify 1 std", "dialed .*", "peer-certificate 0 .*"}
				for range len(enginetest.Chain(t, c.Name).Chain) - 1 {
					evidence = append(evidence, "peer-certificate [12] .*")
				}
				evidence = append(evidence, "peer-pin sha256//.*")
				if by.code == "" {
					tlsify.expect(0, append(evidence, "protocol TLSv1.3", "resumed no", "verified trust .*", "ready")...)
					if got := l.out.all(); got != "hello\n" {
						t.Errorf("got %q", got)
					}
					return
				}
				tlsify.expect(5, append(evidence, "error "+by.code+" .+", "end 5")...)
				if strings.Contains(l.said.text(), "\nready") || strings.Contains(s.seen(t, 1), "got") {
					t.Errorf("a refused server was talked to: %s", s.notes())
				}
				if !strings.Contains(l.err.text(), "("+by.code+")") {
					t.Errorf("no CODE on descriptor 2: %q", l.err.text())
				}
				checkEvidence(t, l.said.text(), enginetest.Chain(t, c.Name))
			})
		}
	}
}

// checkEvidence checks that the certificates on the control channel are those
// that were sent.
func checkEvidence(t *testing.T, said string, c *enginetest.Credential) {
	t.Helper()
	for i, der := range c.Chain {
		line := "\npeer-certificate " + strconv.Itoa(i) + " " + base64.StdEncoding.EncodeToString(der) + "\n"
		if !strings.Contains(said, line) {
			t.Errorf("certificate %d is missing from the evidence", i)
		}
	}
}

// A certificate that is malformed is not gone on with, whichever engine has read it.
func TestMalformedIsFinal(t *testing.T) {
	t.Parallel()
	odd := enginetest.Issue(t, enginetest.PKI(t).Intermediate, enginetest.CertOptions{
		DNS: []string{enginetest.Host}, ExtKeyUsage: []x509.ExtKeyUsage{},
		Extensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Value: []byte{0x30, 0}}}, // extKeyUsage, of nothing
	})
	s := newServer(t, "talk")
	s.config.Certificates[0] = enginetest.TLSCertificate(odd)
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	for _, e := range built() {
		l := newLaunch(t)
		l.env = append(l.env, "SSL_CERT_FILE="+pkiFiles(t)+"/ca.pem")
		l.start("connect", "--engine", e.Name(), "--name", enginetest.Host, "--opportunistic", s.address).expect(5, "error cert-malformed .*", "end 5")
	}
}

// Where there are several reasons each is told, and the first decides.
func TestEveryReasonIsTold(t *testing.T) {
	t.Parallel()
	bad := enginetest.Issue(t, enginetest.PKI(t).Other, enginetest.CertOptions{
		DNS: []string{"elsewhere.test"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	s := newServer(t, "talk")
	s.config.Certificates[0] = enginetest.TLSCertificate(bad)
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	l := newLaunch(t)
	l.start(connectTo(t, s)...).expect(5, "peer-pin .*", "error .*", "error .*", "end 5")
	for _, code := range []string{"cert-untrusted", "cert-name", "cert-purpose"} {
		if !strings.Contains(l.said.text(), "\nerror "+code+" ") {
			t.Errorf("%s is not told:\n%s", code, l.said.text())
		}
	}
	if !strings.Contains(l.err.text(), "and more") {
		t.Errorf("descriptor 2 does not say that there is more: %q", l.err.text())
	}
}

// A server of a JDK shows its Ed448 certificate whatever the client offers. The line had
// it that the certificate is malformed, for a key of type <nil>, and nothing was told of
// whose it is.
func TestKeyOfAnUnknownKind(t *testing.T) {
	leaf := enginetest.TLSCertificate(enginetest.Issue(t, enginetest.PKI(t).Root, enginetest.CertOptions{DNS: []string{enginetest.Host}, Key: enginetest.Ed25519}))
	leaf.Certificate = [][]byte{bytes.Replace(leaf.Certificate[0], []byte{0x2b, 0x65, 0x70}, []byte{0x2b, 0x65, 0x71}, 1)}
	leaf.Leaf, leaf.OCSPStaple = nil, []byte("no OCSP response")
	for _, e := range built() {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			if version == tls.VersionTLS12 && lacks(e.Name(), tls13Only) {
				continue
			}
			s := newServer(t, "echo")
			s.config.Certificates, s.config.MaxVersion = []tls.Certificate{leaf}, version
			if err := s.start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.stop)
			newLaunch(t).start(connectTo(t, s, "--engine", e.Name())...).
				expect(5, "tlsify 1 "+e.Name(), "peer-pin .*", "peer-subject .*", "error cert-weak .*1\\.3\\.101\\.113.*", "end 5")
			// What is stapled to it is judged, too: there was said to be nothing.
			newLaunch(t).start(connectTo(t, s, "--engine", e.Name(), "--staple", "require")...).
				expect(5, "error staple the OCSP response .*", "end 5")
		}
	}
}
