package verify

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func onlineCase(t testing.TB) (Policy, Evidence, *x509.CertPool, *x509.CertPool, string) {
	sys, _ := os.ReadFile("/etc/ssl/certs/ca-certificates.crt")
	for _, c := range loadLimbo(t) {
		if !strings.HasPrefix(c.ID, "online::"+os.Getenv("SITE")) {
			continue
		}
		if !strings.Contains(strings.ReplaceAll(string(sys), "\n", ""), strings.ReplaceAll(c.Trusted[0], "\n", "")) {
			continue
		}
		var e Evidence
		for _, s := range append([]string{c.Peer}, c.Intermediates...) {
			b, _ := pem.Decode([]byte(s))
			x, _ := x509.ParseCertificate(b.Bytes)
			e.Certificates = append(e.Certificates, x)
		}
		n, _ := ParseName(c.PeerName.Value)
		p := Policy{Names: []Name{n}, Now: func() time.Time { return *c.Time }}
		r := x509.NewCertPool()
		r.AppendCertsFromPEM([]byte(c.Trusted[0]))
		in := x509.NewCertPool()
		for _, x := range e.Certificates[1:] {
			in.AddCert(x)
		}
		return p, e, r, in, c.PeerName.Value
	}
	t.Skip()
	panic(0)
}
func BenchmarkSys(b *testing.B) {
	p, e, r, in, n := onlineCase(b)
	b.Log(n)
	for _, c := range e.Certificates {
		b.Log(c.SignatureAlgorithm, c.Issuer)
	}
	b.Run("x509", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := e.Certificates[0].Verify(x509.VerifyOptions{DNSName: n, Roots: r, Intermediates: in, CurrentTime: p.Now()}); err != nil {
				b.Fatal(err)
			}
		}
	})
	d := b.TempDir()
	os.WriteFile(filepath.Join(d, "b.pem"), nil, 0o600)
	for _, v := range [][2]string{{"", ""}, {"/etc/ssl/certs/ca-certificates.crt", ""}, {"", "/etc/ssl/certs"}} {
		b.Run("f="+v[0]+" d="+v[1], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s, err := SystemStore(v[0], v[1])
				if err != nil {
					b.Fatal(err)
				}
				p := p
				p.Trust = []*Store{s}
				if _, err := p.Check(e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
