// Package example is an engine that is as small as one can be: a client of
// TLS 1.3, out of crypto/tls. Start from it to add one; ENGINES.md has the steps.
package example

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"slices"

	"tlsify/engine"
	"tlsify/engine/adapter"
)

// Engine is the engine. Its zero value is ready.
type Engine struct{}

func (Engine) Name() string    { return "example" }
func (Engine) Library() string { return "crypto/tls" }

var groups = []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP384}

func (Engine) Groups() (names []string, defaults int) {
	for _, id := range groups {
		names = append(names, engine.GroupName(uint16(id)))
	}
	return names, len(names)
}

// CheckClient refuses what this engine cannot do, before anything is dialled.
func (e Engine) CheckClient(c *engine.ClientConfig) error {
	_, err := e.config(c)
	return err
}

// config translates c, and leaves nothing to the library's defaults.
func (e Engine) config(c *engine.ClientConfig) (*tls.Config, error) {
	var what string
	switch {
	case c.Verify == nil:
		return nil, errors.New("example: a configuration without Verify")
	case len(c.Identities) > 0 && !canSign(c.Identities[0].Key):
		what = "a certificate with this kind of key"
	case c.ECHConfigList != nil:
		what = "an encrypted ClientHello"
	case c.Fingerprint != "" || c.Hello != nil:
		what = "the imitation of a ClientHello"
	case c.CAs != nil:
		what = "the names of issuers in a ClientHello"
	case c.Level >= engine.LevelPQAuth:
		what = "post-quantum authentication"
	}
	if err := c.CertificatesAlone(e); err != nil {
		return nil, err
	}
	if what != "" {
		return nil, &engine.UnsupportedError{Engine: e.Name(), What: what}
	}
	names, err := c.ResolveGroups(e)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{
		MinVersion:                  tls.VersionTLS13,
		ServerName:                  c.ServerName,
		InsecureSkipVerify:          true, // verification is Verify's alone
		NextProtos:                  c.ALPN,
		KeyLogWriter:                c.KeyLog,
		SessionTicketsDisabled:      true,
		DynamicRecordSizingDisabled: true,
	}
	for _, id := range groups {
		if slices.Contains(names, engine.GroupName(uint16(id))) {
			config.CurvePreferences = append(config.CurvePreferences, id)
		}
	}
	return config, nil
}

func canSign(key crypto.Signer) bool {
	switch key.Public().(type) {
	case *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	}
	return false
}

// Client makes the handshake.
func (e Engine) Client(ctx context.Context, stream net.Conn, c *engine.ClientConfig) (engine.Session, error) {
	config, err := e.config(c)
	if err != nil {
		return nil, err
	}
	records := adapter.NewRecordConn(stream)
	var refusal error
	var asked bool
	var shown *x509.Certificate
	config.VerifyConnection = func(cs tls.ConnectionState) error {
		refusal = c.Verify(&engine.Peer{
			Certificates: cs.PeerCertificates,
			Staple:       cs.OCSPResponse,
			SCTs:         cs.SignedCertificateTimestamps,
			State:        stateOf(cs),
		})
		return refusal
	}
	// It is called only after the server has been verified.
	config.GetClientCertificate = func(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		asked = true
		if len(c.Identities) == 0 {
			return &tls.Certificate{}, nil
		}
		chosen := c.Identities[0]
		for _, id := range c.Identities {
			if id.IssuedBy(request.AcceptableCAs) {
				chosen = id
				break
			}
		}
		shown = chosen.Leaf
		return &tls.Certificate{Certificate: chosen.Chain, PrivateKey: chosen.Key}, nil
	}
	conn := tls.Client(records, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case refusal != nil:
			return nil, refusal
		}
		return nil, dialect.BlameHandshake(err, records, asked, func(string) error { return nil })
	}
	cs := conn.ConnectionState()
	state := stateOf(cs)
	state.ClientCertRequested, state.Shown = asked, shown
	return &adapter.LibrarySession{
		Conn: conn, Records: records, Dialect: &dialect, Negotiated: state,
		Exporter: cs.ExportKeyingMaterial,
		Keys: func() (*engine.Keys, error) {
			return nil, &engine.UnsupportedError{Engine: e.Name(), What: "the take-over of keys"}
		},
	}, nil
}

func stateOf(cs tls.ConnectionState) *engine.State {
	return &engine.State{
		Version: engine.Version(cs.Version),
		Cipher:  engine.Cipher(cs.CipherSuite),
		Group:   engine.GroupName(uint16(cs.CurveID)),
		ALPN:    cs.NegotiatedProtocol,
	}
}

// dialect is how the library says what went wrong.
var dialect = adapter.Dialect{
	Package: "crypto/tls",
	Header: func(err error) (first [5]byte, ok bool) {
		header, ok := errors.AsType[tls.RecordHeaderError](err)
		return header.RecordHeader, ok
	},
	Faults: []adapter.FaultText{
		{Part: "tls: server selected unsupported protocol version", Fault: engine.FaultVersion},
		{Part: "tls: failed to parse certificate from server", Fault: engine.FaultCertificate},
		{Part: "tls: server sent certificate containing RSA key larger", Fault: engine.FaultCertificate},
	},
}
