package pq_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"tlsify/engine"
	"tlsify/engine/enginetest"
	"tlsify/engines/pq"
	"tlsify/verify"
)

// Chains with ML-DSA keys are judged by the same policy as all others.

// chainPolicy is a policy of someone who trusts the classical root and the
// post-quantum ones.
func chainPolicy(t *testing.T, purpose verify.Purpose) *verify.Policy {
	t.Helper()
	p := &verify.Policy{Purpose: purpose}
	for _, pem := range [][]byte{enginetest.PKI(t).Root.PEM(), enginetest.PQRoots(t)} {
		store, err := verify.StoreFromPEM("test", pem)
		if err != nil {
			t.Fatal(err)
		}
		p.Trust = append(p.Trust, store)
	}
	if purpose == verify.ServerAuth {
		name, err := verify.ParseName(enginetest.Host)
		if err != nil {
			t.Fatal(err)
		}
		p.Names = []verify.Name{name}
	}
	return p
}

func parsed(t *testing.T, c *enginetest.Credential) (chain []*x509.Certificate) {
	t.Helper()
	for _, der := range c.Chain {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		chain = append(chain, cert)
	}
	return chain
}

// codes lists the CODEs of a verdict, each once.
func codes(t *testing.T, err error) (list []string) {
	t.Helper()
	var rejected *verify.Error
	if err != nil && !errors.As(err, &rejected) {
		t.Fatalf("not a verdict: %v", err)
	}
	if rejected != nil {
		for _, r := range rejected.Reasons {
			list = append(list, string(r.Code))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// wantCodes are those of a case, at the level of pq-auth or below it.
func wantCodes(c enginetest.PQCase, postQuantum bool) (list []string) {
	if c.DNSCode != "" {
		list = append(list, c.DNSCode)
	}
	if postQuantum && c.Mixed {
		list = append(list, "security-level")
	}
	return list
}

func TestChainsAreJudged(t *testing.T) {
	for _, c := range enginetest.PQCases() {
		t.Run(c.Name, func(t *testing.T) {
			credential := enginetest.Chain(t, c.Name)
			chain := parsed(t, credential)
			p := chainPolicy(t, verify.ServerAuth)
			for _, postQuantum := range []bool{false, true} {
				p.PostQuantum = postQuantum
				_, err := p.Check(verify.Evidence{Certificates: chain})
				got, want := codes(t, err), wantCodes(c, postQuantum)
				// Where no path reaches a root there is none to be weighed.
				if slices.Contains(want, "cert-untrusted") {
					got = slices.DeleteFunc(got, func(code string) bool { return code == "security-level" })
					want = []string{"cert-untrusted"}
				}
				if !slices.Equal(got, want) {
					t.Errorf("post-quantum %v: %q, want %q (%v)", postQuantum, got, want, err)
				}
			}
			p.PostQuantum = false

			// A pin is in addition to all else, and alone it does without a path.
			p.Pins = []verify.Pin{pinOf(t, enginetest.Chain(t, "good").Leaf)}
			if _, err := p.Check(verify.Evidence{Certificates: chain}); !slices.Contains(codes(t, err), "pin-mismatch") {
				t.Errorf("with another's pin: %v", err)
			}
			p.Pins = []verify.Pin{pinOf(t, credential.Leaf)}
			if _, err := p.Check(verify.Evidence{Certificates: chain}); !slices.Equal(codes(t, err), wantCodes(c, false)) {
				t.Errorf("with its pin: %v", err)
			}
			p.Trust, p.Names = nil, nil
			_, err := p.Check(verify.Evidence{Certificates: chain})
			if want := c.DNSCode == "cert-purpose"; want != (err != nil) {
				t.Errorf("by its pin alone: %v", err)
			}
		})
	}
}

func pinOf(t *testing.T, leaf *x509.Certificate) verify.Pin {
	t.Helper()
	p, err := verify.ParsePin(verify.KeyPin(leaf))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// judged is a Verify by a policy that keeps what it said.
func judged(p *verify.Policy, verdict *error) func(*engine.Peer) error {
	return func(peer *engine.Peer) error {
		_, *verdict = p.Check(verify.Evidence{Certificates: peer.Certificates, Staple: peer.Staple, SCTs: peer.SCTs})
		return *verdict
	}
}

func anyone(*engine.Peer) error { return nil }

// meet has both roles shake hands. The client reads a byte, so that a ticket
// has come and the server's verdict on it is known.
func meet(t *testing.T, c *engine.ClientConfig, s *engine.ServerConfig) (client, server error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			done <- err
			return
		}
		defer conn.Close()
		session, err := pq.New().Server(t.Context(), conn, s)
		if err == nil {
			session.Write([]byte("x"))
			session.Read(make([]byte, 1))
		} else {
			conn.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, conn)
		}
		done <- err
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	session, client := pq.New().Client(t.Context(), conn, c)
	if client == nil {
		_, client = session.Read(make([]byte, 1))
	}
	conn.Close()
	return client, <-done
}

// shortKey is an RSA key that crypto/rsa neither signs nor checks anything by.
type shortKey struct{ public *rsa.PublicKey }

func (k shortKey) Public() crypto.PublicKey { return k.public }

func (k shortKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return make([]byte, k.public.Size()), nil
}

// A key of less than 1024 bits is cert-weak, as one of 1024 is; once its signature was
// said to be wrong, and nothing was shown of the certificate. It is of no use whatever
// Verify says.
func TestShortKey(t *testing.T) {
	key := shortKey{&rsa.PublicKey{N: new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 768), big.NewInt(1)), E: 65537}}
	_, issuer, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{enginetest.Host}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.public, issuer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	identities := []*engine.Identity{{Chain: [][]byte{der}, Leaf: leaf, Key: key}}
	policy := &verify.Policy{Pins: []verify.Pin{pinOf(t, leaf)}}
	good := enginetest.Identity(enginetest.Chain(t, "good"))
	for _, role := range []string{"server", "client"} {
		var verdict error
		strict := judged(policy, &verdict)
		for name, verify := range map[string]func(*engine.Peer) error{"judged": strict, "taken by anyone": anyone} {
			t.Run(role+" "+name, func(t *testing.T) {
				c := &engine.ClientConfig{Config: engine.Config{Verify: anyone}, ServerName: enginetest.Host}
				s := &engine.ServerConfig{Config: engine.Config{Verify: anyone}, Identities: []*engine.Identity{good}}
				var err error
				if role == "server" {
					c.Verify, s.Identities = verify, identities
					err, _ = meet(t, c, s)
				} else {
					s.Verify, s.ClientAuth, c.Identities = verify, engine.ClientAuthRequire, identities
					_, err = meet(t, c, s)
				}
				if name == "judged" && (err == nil || !slices.Equal(codes(t, err), []string{"cert-weak"})) {
					t.Errorf("%v, and Verify says %v", err, verdict)
				}
				if fault := new(engine.PeerError); name != "judged" && !errors.As(err, &fault) {
					t.Error(err)
				}
			})
		}
	}
}

// TestChainsOverConnections has a client judge every chain over a real
// connection, in full and resumed.
func TestChainsOverConnections(t *testing.T) {
	for _, c := range enginetest.PQCases() {
		t.Run(c.Name, func(t *testing.T) {
			s := &engine.ServerConfig{Config: engine.Config{Verify: anyone}, TicketKeys: [][32]byte{{1}},
				Identities: []*engine.Identity{enginetest.Identity(enginetest.Chain(t, c.Name))}}
			var ticket []byte
			meet(t, &engine.ClientConfig{Config: engine.Config{Verify: anyone}, ServerName: enginetest.Host,
				KeepTicket: func(b []byte) { ticket = b }}, s)
			if ticket == nil {
				t.Error("no ticket")
			}
			for _, offered := range [][]byte{nil, ticket} {
				var verdict error
				resumed := false
				judge := judged(chainPolicy(t, verify.ServerAuth), &verdict)
				client, server := meet(t, &engine.ClientConfig{ServerName: enginetest.Host, Ticket: offered,
					Config: engine.Config{Verify: func(p *engine.Peer) error { resumed = p.State.Resumed; return judge(p) }}}, s)
				if got := codes(t, verdict); !slices.Equal(got, wantCodes(c, false)) || resumed != (offered != nil) {
					t.Errorf("resumed %v: %q", resumed, got)
				}
				if (client == nil) != (verdict == nil) || (server == nil) != (verdict == nil) {
					t.Errorf("resumed %v, verdict %v: client %v, server %v", resumed, verdict, client, server)
				}
			}
		})
	}
}

// TestClientChainsOverConnections has a server judge clients.
func TestClientChainsOverConnections(t *testing.T) {
	for name, want := range map[string]string{
		"client": "", "pq-client": "", "mixed-client": "",
		"pq-mldsa65": "cert-purpose", "pq-self-signed": "cert-self-signed", "pq-untrusted-root": "cert-untrusted",
		"mixed-bad-signature": "cert-untrusted",
	} {
		t.Run(name, func(t *testing.T) {
			var verdict error
			s := &engine.ServerConfig{
				Config:     engine.Config{Verify: judged(chainPolicy(t, verify.ClientAuth), &verdict)},
				ClientAuth: engine.ClientAuthRequire, Identities: []*engine.Identity{enginetest.Identity(enginetest.Chain(t, "pq-mldsa65"))},
			}
			c := &engine.ClientConfig{Config: engine.Config{Verify: anyone}, ServerName: enginetest.Host,
				Identities: []*engine.Identity{enginetest.Identity(enginetest.Chain(t, name))}}
			client, server := meet(t, c, s)
			got := codes(t, verdict)
			if want == "" && len(got) > 0 || want != "" && !slices.Contains(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
			if (client == nil) != (verdict == nil) || (server == nil) != (verdict == nil) {
				t.Errorf("verdict %v: client %v, server %v", verdict, client, server)
			}
		})
	}
}

// TestPQAuthOverConnections has both sides insist on post-quantum chains.
func TestPQAuthOverConnections(t *testing.T) {
	for _, tt := range []struct{ server, client, clientFault, serverFault string }{
		{"pq-mldsa44", "pq-client", "", ""},
		{"pq-steps", "pq-client", "", ""},
		{"mixed-classical-root", "pq-client", "security-level", ""},
		{"mixed-classical-intermediate", "pq-client", "security-level", ""},
		{"pq-mldsa87", "mixed-client", "", "security-level"},
	} {
		t.Run(tt.server+" "+tt.client, func(t *testing.T) {
			var ofServer, ofClient error
			policy := func(purpose verify.Purpose) *verify.Policy {
				p := chainPolicy(t, purpose)
				p.PostQuantum = true
				return p
			}
			s := &engine.ServerConfig{
				Config:     engine.Config{Level: engine.LevelPQAuth, Verify: judged(policy(verify.ClientAuth), &ofClient)},
				ClientAuth: engine.ClientAuthRequire, Identities: []*engine.Identity{enginetest.Identity(enginetest.Chain(t, tt.server))},
			}
			c := &engine.ClientConfig{
				Config:     engine.Config{Level: engine.LevelPQAuth, Verify: judged(policy(verify.ServerAuth), &ofServer)},
				ServerName: enginetest.Host, Identities: []*engine.Identity{enginetest.Identity(enginetest.Chain(t, tt.client))},
			}
			meet(t, c, s)
			if got := strings.Join(codes(t, ofServer), " "); got != tt.clientFault {
				t.Errorf("the client says %q, want %q", got, tt.clientFault)
			}
			if got := strings.Join(codes(t, ofClient), " "); got != tt.serverFault {
				t.Errorf("the server says %q, want %q", got, tt.serverFault)
			}
		})
	}
}

// TestWrittenKeys reads the files of every ready-made chain as a user would.
func TestWrittenKeys(t *testing.T) {
	dir := t.TempDir()
	for _, c := range enginetest.PQCases() {
		credential := enginetest.Chain(t, c.Name)
		_, file := enginetest.WriteFiles(t, credential, dir, c.Name)
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(content)
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		public := key.(crypto.Signer).Public().(interface{ Equal(crypto.PublicKey) bool })
		if !public.Equal(credential.Key.Public()) {
			t.Errorf("%s: another key came back", c.Name)
		}
	}
}
