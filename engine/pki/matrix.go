package pki

import (
	"crypto/x509"
	"fmt"
	"net"
	"sync"
	"time"
)

// Host and Address are what every ready-made chain is for, unless its [Case]
// says otherwise.
const (
	Host    = "tlsify.test"
	Address = "127.0.0.1"
)

// A Set is one PKI with the ready-made chains. They are issued when they are
// first asked for. Several goroutines may use it.
type Set struct {
	Root         *Authority // what a test trusts
	Intermediate *Authority // below Root
	Other        *Authority // a root that no one trusts

	mu       sync.Mutex
	chain    map[string]*Credential
	families map[KeyType]family
}

// NewSet makes the authorities of a new Set, in less than a millisecond.
func NewSet() (*Set, error) {
	s := &Set{chain: make(map[string]*Credential), families: make(map[KeyType]family)}
	var err error
	if s.Root, err = NewRoot(Options{CommonName: "tlsify test root"}); err != nil {
		return nil, err
	}
	if s.Intermediate, err = s.Root.Intermediate(Options{CommonName: "tlsify test intermediate"}); err != nil {
		return nil, err
	}
	s.Other, err = NewRoot(Options{CommonName: "tlsify other root"})
	return s, err
}

// A Case is one ready-made chain and what is to be said of it by someone who
// trusts the Set's Root and wants a server.
type Case struct {
	Name string // its name for [Set.Chain], and of its files
	// Host is the DNS name to ask for: the constant, but for wildcards.
	Host string
	// DNSCode and AddressCode are the contract's CODE where the peer is known
	// by Host, or by [Address]. Empty: it is to be accepted.
	DNSCode, AddressCode string

	issue func(*Set) (*Credential, error)
}

// Cases are the ready-made chains, the good ones first. The good ones, but
// for ip-only and wildcard, are for Host and Address both.
//
// There is no chain with a malformed certificate, since there would be no leaf
// to return: whoever wants one puts other bytes into a good Credential's
// Chain. Nor is there a revoked one: any is, to someone given [Authority.CRL].
func Cases() []Case {
	both := func(name, code string, issue func(*Set) (*Credential, error)) Case {
		return Case{name, Host, code, code, issue}
	}
	return []Case{
		both("good", "", leafOf(Options{})),
		both("good-rsa", "", leafOf(Options{Key: RSA2048})),
		both("good-p384", "", leafOf(Options{Key: ECDSAP384})),
		both("good-ed25519", "", leafOf(Options{Key: Ed25519})),
		both("good-direct", "", func(s *Set) (*Credential, error) { return s.Root.Issue(named(Options{})) }),
		both("good-root-sent", "", func(s *Set) (*Credential, error) { return withRoot(s, s.Root) }),
		{"ip-only", Host, "cert-name", "", func(s *Set) (*Credential, error) {
			return s.Intermediate.Issue(Options{IP: []net.IP{net.ParseIP(Address)}})
		}},
		{"wildcard", "host." + Host, "", "cert-name", func(s *Set) (*Credential, error) {
			return s.Intermediate.Issue(Options{DNS: []string{"*." + Host}})
		}},

		both("expired", "cert-expired", leafOf(Options{NotBefore: hours(-3), NotAfter: hours(-2)})),
		both("not-yet-valid", "cert-not-yet-valid", leafOf(Options{NotBefore: hours(2), NotAfter: hours(3)})),
		both("expired-intermediate", "cert-expired", below(Options{NotBefore: hours(-3), NotAfter: hours(-2)})),
		both("wrong-name", "cert-name", func(s *Set) (*Credential, error) {
			return s.Intermediate.Issue(Options{DNS: []string{"other.test"}, IP: []net.IP{net.IPv4(127, 0, 0, 99)}})
		}),
		// The common name counts for nothing (RFC 9525, section 2).
		both("cn-only", "cert-name", func(s *Set) (*Credential, error) {
			return s.Intermediate.Issue(Options{CommonName: Host})
		}),
		// A star stands for one label, and not for none.
		{"wildcard-parent", Host, "cert-name", "cert-name", func(s *Set) (*Credential, error) {
			return s.Intermediate.Issue(Options{DNS: []string{"*." + Host}})
		}},
		both("self-signed", "cert-self-signed", func(*Set) (*Credential, error) { return SelfSigned(named(Options{})) }),
		both("untrusted-root", "cert-untrusted", untrusted),
		both("untrusted-root-sent", "cert-untrusted", func(s *Set) (*Credential, error) { return withRoot(s, s.Other) }),
		both("missing-intermediate", "cert-untrusted", func(s *Set) (*Credential, error) {
			c, err := s.Intermediate.Issue(named(Options{}))
			if err == nil {
				c.Chain = c.Chain[:1]
			}
			return c, err
		}),
		both("client-only", "cert-purpose", leafOf(Options{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})),
		// Its key usage has no digitalSignature, which a TLS server's
		// certificate must have (RFC 8446, section 4.4.2.2).
		both("ca-as-leaf", "cert-purpose", leafOf(Options{IsCA: true})),
		both("leaf-as-ca", "cert-constraint", below(Options{NotCA: true, KeyUsage: x509.KeyUsageDigitalSignature})),
		both("name-constraint", "cert-constraint", below(Options{
			PermittedDNS: []string{"other.test"},
			PermittedIP:  []*net.IPNet{{IP: net.IPv4(10, 0, 0, 0).To4(), Mask: net.CIDRMask(8, 32)}},
		})),
		both("path-length", "cert-constraint", tooLong),
		both("weak-rsa", "cert-weak", leafOf(Options{Key: RSA1024})),
		both("weak-sha1", "cert-weak", leafOf(Options{SignatureAlgorithm: x509.ECDSAWithSHA1})),
	}
}

// Chain is the ready-made chain of this name, issued once per Set.
// Besides those of [Cases] and [PQCases] there are good clients': "client",
// "pq-client" and "mixed-client" (an ML-DSA key below the classical root).
func (s *Set) Chain(name string) (*Credential, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.chain[name]; c != nil {
		return c, nil
	}
	issue, err := issuer(name)
	if err != nil {
		return nil, err
	}
	c, err := issue(s)
	if err != nil {
		return nil, fmt.Errorf("chain %s: %w", name, err)
	}
	s.chain[name] = c
	return c, nil
}

func issuer(name string) (func(*Set) (*Credential, error), error) {
	switch name {
	case "client":
		return func(s *Set) (*Credential, error) { return s.Intermediate.Issue(clientOf(ECDSAP256)) }, nil
	case "pq-client":
		return pqLeaf(clientOf(MLDSA65)), nil
	case "mixed-client":
		return func(s *Set) (*Credential, error) { return s.Intermediate.Issue(clientOf(MLDSA65)) }, nil
	}
	for _, c := range Cases() {
		if c.Name == name {
			return c.issue, nil
		}
	}
	for _, c := range PQCases() {
		if c.Name == name {
			return c.issue, nil
		}
	}
	return nil, fmt.Errorf("no chain is called %q", name)
}

// named is o for Host and Address.
func named(o Options) Options {
	o.DNS, o.IP = []string{Host}, []net.IP{net.ParseIP(Address)}
	return o
}

// leafOf issues from the Set's intermediate.
func leafOf(o Options) func(*Set) (*Credential, error) {
	return func(s *Set) (*Credential, error) { return s.Intermediate.Issue(named(o)) }
}

// below issues a good leaf from an intermediate of its own.
func below(o Options) func(*Set) (*Credential, error) {
	o.CommonName = "tlsify bad intermediate"
	return func(s *Set) (*Credential, error) {
		mid, err := s.Root.Intermediate(o)
		if err != nil {
			return nil, err
		}
		return mid.Issue(named(Options{}))
	}
}

func untrusted(s *Set) (*Credential, error) {
	mid, err := s.Other.Intermediate(Options{CommonName: "tlsify other intermediate"})
	if err != nil {
		return nil, err
	}
	return mid.Issue(named(Options{}))
}

func withRoot(s *Set, root *Authority) (*Credential, error) {
	c, err := root.Issue(named(Options{}))
	if err == nil {
		c.Chain = append(c.Chain, root.Cert.Raw)
	}
	return c, err
}

// tooLong has one intermediate more than the first allows.
func tooLong(s *Set) (*Credential, error) {
	none := 0
	first, err := s.Root.Intermediate(Options{CommonName: "tlsify path length 0", PathLen: &none})
	if err != nil {
		return nil, err
	}
	second, err := first.Intermediate(Options{CommonName: "tlsify one too many"})
	if err != nil {
		return nil, err
	}
	return second.Issue(named(Options{}))
}

func hours(n int) time.Time { return time.Now().Add(time.Duration(n) * time.Hour) }
