package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"tlsify/cmd/tlsify/internal/connection"
	"tlsify/engine"
	"tlsify/engine/enginetest"
	"tlsify/verify"
)

// verdictPolicy is a way to look at a chain.
type verdictPolicy struct {
	name string
	of   func(t *testing.T, c *enginetest.Credential) *verify.Policy
	// code is what the table of chains says of it, where it says anything.
	code func(enginetest.Case) string
}

func verdictPolicies(t *testing.T) []verdictPolicy {
	set := enginetest.PKI(t)
	store := func(a *enginetest.Authority) []*verify.Store {
		s, err := verify.StoreFromPEM("test", a.PEM())
		if err != nil {
			t.Fatal(err)
		}
		return []*verify.Store{s}
	}
	names := func(list ...string) (out []verify.Name) {
		for _, n := range list {
			name, err := verify.ParseName(n)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, name)
		}
		return out
	}
	pin := func(c *x509.Certificate) []verify.Pin {
		p, err := verify.ParsePin(verify.KeyPin(c))
		if err != nil {
			t.Fatal(err)
		}
		return []verify.Pin{p}
	}
	return []verdictPolicy{
		{"by name", func(t *testing.T, c *enginetest.Credential) *verify.Policy {
			return &verify.Policy{Names: names(enginetest.Host), Trust: store(set.Root)}
		}, func(c enginetest.Case) string {
			if c.Host != enginetest.Host {
				return "-"
			}
			return c.DNSCode
		}},
		{"by address", func(t *testing.T, c *enginetest.Credential) *verify.Policy {
			return &verify.Policy{Names: names(enginetest.Address), Trust: store(set.Root)}
		}, func(c enginetest.Case) string { return c.AddressCode }},
		{"by either", func(t *testing.T, c *enginetest.Credential) *verify.Policy {
			return &verify.Policy{Names: names("other.test", enginetest.Host, enginetest.Address), Trust: store(set.Root)}
		}, nil},
		{"by another root", func(t *testing.T, c *enginetest.Credential) *verify.Policy {
			return &verify.Policy{Names: names(enginetest.Host), Trust: store(set.Other)}
		}, nil},
		{"by its pin alone", func(t *testing.T, c *enginetest.Credential) *verify.Policy {
			return &verify.Policy{Pins: pin(c.Leaf)}
		}, nil},
		{"with another's pin", func(t *testing.T, c *enginetest.Credential) *verify.Policy {
			return &verify.Policy{Names: names(enginetest.Host), Trust: store(set.Root), Pins: pin(set.Other.Cert)}
		}, nil},
	}
}

// notResumed are engines and chains that do not resume, whatever the policy,
// with the reason.
var notResumed = map[string]string{
	"std expired":   "crypto/tls offers no session whose leaf has expired",
	"pq ca-as-leaf": "pq itself insists on the key usage that a CertificateVerify needs, as BoringSSL does",
}

// verdictOf lists the CODEs of a rejection, or nothing.
func verdictOf(err error) string {
	var rejection *verify.Error
	if err != nil && !errors.As(err, &rejection) {
		return err.Error()
	}
	if err == nil {
		return ""
	}
	return strings.Join(connection.Codes(rejection), " ")
}

// TestEveryEngineGivesTheSameVerdict holds every ready-made chain against every
// policy three times: without a connection, over one with each engine, and over
// a resumed one, which was made with a policy that took anything.
func TestEveryEngineGivesTheSameVerdict(t *testing.T) {
	count := 0
	for _, e := range built() {
		for _, c := range enginetest.Cases() {
			credential := enginetest.Chain(t, c.Name)
			server := startTicketServer(t, credential)
			for _, p := range verdictPolicies(t) {
				policy := p.of(t, credential)
				var chain []*x509.Certificate
				for _, der := range credential.Chain {
					certificate, err := x509.ParseCertificate(der)
					if err != nil {
						t.Fatal(err)
					}
					chain = append(chain, certificate)
				}
				_, err := policy.Check(verify.Evidence{Certificates: chain})
				want := verdictOf(err)
				if p.code != nil && p.code(c) != "-" && !slices.Contains(strings.Fields(want+" -"), p.code(c)) && want != p.code(c) {
					t.Errorf("%s %s: %q without a connection, the table says %q", c.Name, p.name, want, p.code(c))
				}
				count++
				if got, resumed := verdictOver(t, e, server, policy, nil); got != want || resumed {
					t.Errorf("%s: %s %s: %q over a connection, %q without", e.Name(), c.Name, p.name, got, want)
				}
				ticket := ticketFrom(t, e, server)
				_, excused := notResumed[e.Name()+" "+c.Name]
				if got, resumed := verdictOver(t, e, server, policy, ticket); got != want || resumed == excused {
					t.Errorf("%s: %s %s: %q over a resumed connection (resumed: %v), %q without", e.Name(), c.Name, p.name, got, resumed, want)
				}
			}
		}
	}
	t.Logf("%d chains and policies", count)
	if count < 60 {
		t.Error("fewer than 60")
	}
}

// startTicketServer serves TLS 1.3 with tickets: it sends a byte and reads one.
func startTicketServer(t *testing.T, c *enginetest.Credential) string {
	t.Helper()
	config := &tls.Config{Certificates: []tls.Certificate{enginetest.TLSCertificate(c)}, MinVersion: tls.VersionTLS13}
	return serveEach(t, "tcp4", "127.0.0.1:0", func(conn net.Conn) {
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		server := tls.Server(conn, config)
		if _, err := server.Write([]byte("x")); err == nil {
			server.Read(make([]byte, 1))
		}
	})
}

// verdictOver connects and tells the verdict, and whether it was on a resumed
// connection.
func verdictOver(t *testing.T, e engine.Engine, address string, policy *verify.Policy, ticket []byte) (verdict string, resumed bool) {
	t.Helper()
	verdict = "not asked"
	shakeHands(t, e, address, &engine.ClientConfig{
		ServerName: enginetest.Host,
		Ticket:     ticket,
		Config: engine.Config{Verify: func(peer *engine.Peer) error {
			_, err := policy.Check(verify.Evidence{Certificates: peer.Certificates, Staple: peer.Staple, SCTs: peer.SCTs})
			verdict, resumed = verdictOf(err), peer.State.Resumed
			return err
		}},
	})
	return verdict, resumed
}

// ticketFrom gets a session from a connection on which everyone is trusted.
func ticketFrom(t *testing.T, e engine.Engine, address string) (ticket []byte) {
	t.Helper()
	shakeHands(t, e, address, &engine.ClientConfig{
		ServerName: enginetest.Host,
		KeepTicket: func(b []byte) { ticket = b },
		Config:     engine.Config{Verify: func(*engine.Peer) error { return nil }},
	})
	return ticket
}

// shakeHands connects, reads what comes first, and hangs up.
func shakeHands(t *testing.T, e engine.Engine, address string, config *engine.ClientConfig) {
	t.Helper()
	conn, err := net.Dial("tcp4", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	if session, err := e.Client(t.Context(), conn, config); err == nil {
		session.Read(make([]byte, 1))
	}
}
