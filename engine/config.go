package engine

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"io"

	"tlsify/engine/ech"
	"tlsify/engine/trustanchor"
)

// Config is what clients and servers have in common. Everything that decides
// about security is explicit here; an engine leaves nothing of it to its
// library's or the environment's defaults.
type Config struct {
	// Verify judges the peer. It is called once on every handshake, resumed
	// ones included, after the peer has proved possession of its key (or of
	// the resumption secret) and before any application data can move in
	// either direction. On a server it is called where a client certificate
	// was asked for, with no certificates in Peer where the client sent none.
	// An error from it ends the handshake and comes back from Client or
	// Server so that errors.As finds it; the peer is told by RefusalAlert of
	// it. It may take long: a person may be asked. An engine given no Verify refuses to run.
	Verify func(*Peer) error

	// Level is the least that the handshake may negotiate. The engine offers
	// and accepts nothing below it.
	Level Level
	// Profile, where not nil, is all that the handshake may be of, and its
	// certificates. Level is then at least the profile's.
	Profile *Profile
	// Groups names the key exchange groups to offer, in order of preference.
	// Nil means the engine's default. Names are matched without regard to
	// case, and P-256, P-384, P-521 are understood for secp256r1, secp384r1, secp521r1.
	Groups []string
	// Signatures names the signature algorithms to offer, to accept in
	// CertificateVerify and in chains, and to sign with, in order of preference, to
	// a SignatureEngine. Nil means the engine's default. Names are matched without
	// regard to case, hyphens and underscores.
	Signatures []string
	// ALPN lists the application protocols, in order of preference; each is 1
	// to 255 bytes (RFC 7301). A server that is given a list refuses a client
	// that offers none of it; a client that offers no ALPN at all is served.
	ALPN []string
	// PSKs are external pre-shared keys, in order of preference. An engine that
	// has none of that refuses them. A client offers all of them, and takes no
	// server without one unless OrCertificate is set; a server takes the first
	// that the client offers, and where there is none goes on with its
	// Identities, if it has any.
	PSKs          []*PSK
	OrCertificate bool
	// PeerTypes are the types of certificate that the peer may show, best first.
	// Nil: CertificateX509 alone, which is all that most engines can do.
	PeerTypes []CertificateType
	// KeyLog, where not nil, gets the secrets in the NSS key log format, so
	// that a capture can be read. It voids the connection's secrecy.
	KeyLog io.Writer
}

// MostTickets is how many sessions of one connection are kept. With each goes all that
// the server has shown of itself, so that 19 bytes of a ticket are some milliseconds of
// work. Servers give a few, and one more now and then.
const MostTickets = 64

// ClientConfig is what one client handshake needs.
type ClientConfig struct {
	Config

	// ServerName is sent as server_name (RFC 6066, section 3): a DNS name in
	// A-labels. Empty: the extension is not sent. It is never an address, and
	// it has no part in verification.
	ServerName string

	// Identities are what may be sent if the server asks for a certificate, and
	// only to a server that Verify has accepted. The engine picks the first that
	// the server can check and whose issuer it names; else, because its names
	// are a hint, the first that it can check.
	Identities []*Identity
	// IdentityInClear allows that under TLS 1.2 too, where everyone on the
	// way can read the certificate.
	IdentityInClear bool
	// NoLateRequest is for a session whose keys go to somebody who answers no
	// request for a certificate after the handshake (Keys.Request): an engine that
	// can answer one does not say so in the ClientHello.
	NoLateRequest bool

	// Ticket is a session that KeepTicket was given by an earlier connection
	// with the same engine, offered for resumption once. One that the engine
	// cannot read is ignored.
	Ticket []byte
	// KeepTicket, where not nil, is called with each of the first MostTickets
	// sessions that the server offers, possibly from within Read. What it gets is
	// secret.
	KeepTicket func(ticket []byte)

	// TrustAnchors, where not nil, are sent as trust_anchors
	// (draft-ietf-tls-trust-anchor-ids), by an engine that can. They are a
	// hint to the server, and have no part in verification.
	TrustAnchors []trustanchor.ID

	// CAs, where not nil, are raw distinguished names (RFC 8446, section 4.2.4)
	// of issuers to tell the server of, by an engine that can: a hint, too.
	CAs [][]byte

	// ECHConfigList, where not nil, is used to encrypt the ClientHello
	// (RFC 9849). A server that rejects it ends the handshake with a
	// *ECHRejectedError, after Verify has judged it with Peer.ECHPublicName.
	ECHConfigList []byte

	// ECHGrease sends, where there is no list, an encrypted_client_hello of
	// random bytes, so that those that mean something do not stand out
	// (RFC 9849, section 6.2).
	ECHGrease bool

	// Fingerprint, where not empty, is the name of the ClientHello to imitate.
	Fingerprint string
	// Hello, where not nil, is a captured ClientHello to imitate: the
	// handshake message with its four bytes of header, without record headers.
	Hello []byte
}

// ServerConfig is what one server handshake needs.
type ServerConfig struct {
	Config

	// Identities are the server's certificates, at least one where there are no
	// PSKs. The engine picks the first that fits the client's server_name and
	// signature algorithms, else the first that fits its algorithms.
	Identities []*Identity

	// ClientAuth says whether a client certificate is asked for. Whether one
	// that came, or the lack of one, is accepted is for Verify to say.
	ClientAuth ClientAuth
	// ClientCAs are raw distinguished names (RFC 8446, section 4.2.4) to put
	// into the request. Nil sends none.
	ClientCAs [][]byte

	// ECHKeys, where there are any, open Encrypted Client Hellos (RFC 9849), each
	// those that were made with its configuration. A client that none of them
	// serves is told of all their configurations.
	ECHKeys []ech.Key

	// TicketKeys seal and open session tickets: the first seals, all open.
	// Each is 32 random bytes, from which the engine derives what it needs.
	// Nil: no tickets are issued and none is accepted.
	TicketKeys [][32]byte

	// Resumes, where not nil, tells whether a client may be resumed whom an earlier
	// handshake has shown to be this peer, without a State. One that Verify would refuse
	// may have another certificate by now, which only a full handshake asks for. It is
	// asked of clients that have shown something, where ClientAuth asks for that; and
	// Verify judges the client again, whatever it says.
	Resumes func(*Peer) bool
}

// Identity is a certificate chain with its private key. The key may live in
// another process.
type Identity struct {
	Chain  [][]byte          // DER, leaf first, at least one
	Leaf   *x509.Certificate // Chain[0], parsed
	Key    crypto.Signer     // fits Leaf
	RawKey []byte            // in place of Chain and Leaf: Key's SubjectPublicKeyInfo, DER
	Staple []byte            // an OCSP response to staple, DER, or nil
	// Anchors, where not nil, say for which clients the chain is. Small says
	// that it relies on what those have beside their trust anchors, and is
	// better than others for it.
	Anchors *trustanchor.Properties
	Small   bool
	// OnCall says that it is only for a peer that names an issuer of the chain or
	// one of its trust anchors. Engines that know nothing of that send it to all.
	OnCall bool
}

// IssuedBy tells whether one of the names (raw distinguished names, as in
// RFC 8446, section 4.2.4) is an issuer's of the chain.
func (id *Identity) IssuedBy(names [][]byte) bool {
	if len(names) == 0 {
		return false
	}
	for i, der := range id.Chain {
		c := id.Leaf
		if i > 0 {
			var err error
			if c, err = x509.ParseCertificate(der); err != nil {
				continue
			}
		}
		for _, name := range names {
			if bytes.Equal(name, c.RawIssuer) {
				return true
			}
		}
	}
	return false
}

// Peer is what an engine shows to Verify.
type Peer struct {
	// Certificates are the peer's, leaf first, as it sent them; on a resumed
	// connection those of the original handshake. Empty: a server's client
	// sent none.
	Certificates []*x509.Certificate
	// Malformed are those that can't be parsed. They are not among
	// Certificates, but for a leaf whose key can be read; see ParseChain.
	Malformed []Malformed
	// RawKey is the peer's SubjectPublicKeyInfo, DER, where it has shown a raw
	// public key. There are no Certificates then.
	RawKey []byte
	// PSK is the external key that the peer has proved to know, or nil. There
	// are no Certificates then.
	PSK *PSK
	// Staple is a stapled OCSP response for the leaf, DER, or nil.
	Staple []byte
	// SCTs are the signed certificate timestamps sent in the handshake.
	SCTs [][]byte
	// Anchors are, on a client that sent trust anchors, those for which the
	// server says to have certificates, in its order of preference.
	Anchors []trustanchor.ID
	// ECHPublicName is set where the server rejected an Encrypted Client
	// Hello: it is then the name to judge the server by, and nothing but the
	// retry configurations may be believed of it.
	ECHPublicName string
	// State is what is known of the negotiation by now.
	State *State
}

// ClientAuth says what a server wants of its client.
type ClientAuth int

const (
	ClientAuthNone    ClientAuth = iota // no certificate is asked for
	ClientAuthRequest                   // one is asked for; none is fine
	ClientAuthRequire                   // one is asked for; none ends the handshake
)

// Level is a least level of security for a handshake.
type Level int

const (
	// LevelStandard follows RFC 9325: TLS 1.2 with forward secrecy and
	// authenticated encryption, or TLS 1.3.
	LevelStandard Level = iota
	// LevelTLS13 is TLS 1.3 only.
	LevelTLS13
	// LevelPQ is TLS 1.3 with a standard post-quantum or hybrid key exchange;
	// [PostQuantumGroup] says which are.
	LevelPQ
	// LevelPQAuth is LevelPQ with a post-quantum certificate chain as well, in
	// the original handshake where the connection was resumed.
	LevelPQAuth
)
