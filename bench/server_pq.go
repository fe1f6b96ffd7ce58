package bench

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"os"

	"tlsify/engine"
	"tlsify/engines/pq"
)

// pq has the engine pq serve: it has groups and certificates that crypto/tls
// does not.
func (c ServerConfig) pq() (secure, error) {
	identity, err := c.identity()
	if err != nil {
		return nil, err
	}
	settings := &engine.ServerConfig{
		Config:     engine.Config{Verify: func(*engine.Peer) error { return nil }}, // nobody is asked for a certificate
		Identities: []*engine.Identity{identity},
	}
	if c.Group != "" {
		settings.Groups = []string{c.Group}
	}
	server := pq.New()
	if err := server.CheckServer(settings); err != nil {
		return nil, err
	}
	return func(ctx context.Context, conn net.Conn) (session, error) {
		s, err := server.Server(ctx, conn, settings)
		if err != nil {
			return session{}, err
		}
		state := s.State()
		return session{Conn: pqConn{conn, s},
			greeting: negotiated(state.Version, state.Cipher, state.Group, state.Resumed)}, nil
	}, nil
}

func (c ServerConfig) identity() (*engine.Identity, error) {
	chain, err := os.ReadFile(c.CertFile)
	if err != nil {
		return nil, err
	}
	identity := &engine.Identity{}
	for block, rest := pem.Decode(chain); block != nil; block, rest = pem.Decode(rest) {
		identity.Chain = append(identity.Chain, block.Bytes)
	}
	key, err := os.ReadFile(c.KeyFile)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(key)
	if block == nil || len(identity.Chain) == 0 {
		return nil, errors.New("no certificate or no key")
	}
	if identity.Leaf, err = x509.ParseCertificate(identity.Chain[0]); err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	identity.Key = parsed.(crypto.Signer)
	return identity, nil
}

// pqConn is a session of the engine's as a connection.
type pqConn struct {
	net.Conn
	session engine.Session
}

func (c pqConn) Read(p []byte) (int, error)  { return c.session.Read(p) }
func (c pqConn) Write(p []byte) (int, error) { return c.session.Write(p) }

// Close ends the stream properly, as crypto/tls does.
func (c pqConn) Close() error {
	return errors.Join(c.session.CloseWrite(), c.Conn.Close())
}

// serverGroups are the groups that a server of the engine pq can be made to take
// alone.
func serverGroups() []string {
	groups, _ := pq.New().Groups()
	return groups
}
