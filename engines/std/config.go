package std

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"

	"tlsify/engine"
)

// groups are what crypto/tls can do, in its own order of preference, which is
// the one it uses whatever order it is given. P-521 is left out: it is slow,
// and RFC 9325 does not ask for it.
var groups = [...]tls.CurveID{
	tls.X25519MLKEM768,
	tls.SecP256r1MLKEM768,
	tls.SecP384r1MLKEM1024,
	tls.X25519,
	tls.CurveP256,
	tls.CurveP384,
}

// suites12 are the TLS 1.2 suites with forward secrecy and authenticated
// encryption (RFC 9325, section 4.2). Those of TLS 1.3 are all as strong and
// cannot be chosen with crypto/tls.
var suites12 = [...]uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

var errNoVerify = errors.New("std: a configuration without Verify")

// config translates what clients and servers have in common.
func (e Engine) config(c *engine.Config) (*tls.Config, error) {
	if c.Verify == nil {
		return nil, errNoVerify
	}
	if c.Level >= engine.LevelPQAuth {
		return nil, &engine.UnsupportedError{Engine: e.Name(), What: "post-quantum authentication"}
	}
	names, err := c.ResolveGroups(e)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{
		MinVersion:             tls.VersionTLS12,
		MaxVersion:             tls.VersionTLS13,
		CipherSuites:           suites12[:],
		NextProtos:             c.ALPN,
		KeyLogWriter:           c.KeyLog,
		Renegotiation:          tls.RenegotiateNever,
		SessionTicketsDisabled: true,
		// Records go out many to a system call; there is nothing to gain from
		// small ones.
		DynamicRecordSizingDisabled: true,
	}
	if c.Level >= engine.LevelTLS13 {
		config.MinVersion = tls.VersionTLS13
	}
	for _, id := range groups {
		if slices.Contains(names, engine.GroupName(uint16(id))) {
			config.CurvePreferences = append(config.CurvePreferences, id)
		}
	}
	return config, nil
}

func (e Engine) clientConfig(c *engine.ClientConfig) (*tls.Config, error) {
	config, err := e.config(&c.Config)
	if err != nil {
		return nil, err
	}
	if c.Fingerprint != "" || c.Hello != nil {
		return nil, &engine.UnsupportedError{Engine: e.Name(), What: "the imitation of a ClientHello"}
	}
	if c.Identity != nil {
		if err := e.checkKey(c.Identity); err != nil {
			return nil, err
		}
	}
	config.ServerName = c.ServerName
	// Verification is Verify's, by VerifyConnection.
	config.InsecureSkipVerify = true
	if c.ECHConfigList != nil {
		config.EncryptedClientHelloConfigList = c.ECHConfigList
		config.MinVersion = tls.VersionTLS13
	}
	if c.KeepTicket != nil || c.Ticket != nil {
		config.SessionTicketsDisabled = false
		config.ClientSessionCache = &oneTicket{offer: c.Ticket, keep: c.KeepTicket}
	}
	return config, nil
}

func (e Engine) serverConfig(c *engine.ServerConfig) (*tls.Config, error) {
	config, err := e.config(&c.Config)
	if err != nil {
		return nil, err
	}
	if len(c.Identities) == 0 {
		return nil, errors.New("std: a server's configuration without a certificate")
	}
	for _, identity := range c.Identities {
		if err := e.checkKey(identity); err != nil {
			return nil, err
		}
		config.Certificates = append(config.Certificates, certificateOf(identity))
	}
	switch c.ClientAuth {
	case engine.ClientAuthRequest:
		config.ClientAuth = tls.RequestClientCert
	case engine.ClientAuthRequire:
		config.ClientAuth = tls.RequireAnyClientCert
	}
	if c.ClientCAs != nil {
		// Crypto/tls sends the names of this pool, and nothing else uses it.
		config.ClientCAs = x509.NewCertPool()
		for _, name := range c.ClientCAs {
			config.ClientCAs.AddCert(&x509.Certificate{Raw: name, RawSubject: name})
		}
	}
	if len(c.TicketKeys) > 0 {
		config.SessionTicketsDisabled = false
		config.SetSessionTicketKeys(c.TicketKeys)
	}
	return config, nil
}

// checkKey refuses a key that crypto/tls cannot sign with.
func (e Engine) checkKey(i *engine.Identity) error {
	switch i.Key.Public().(type) {
	case *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey:
		return nil
	}
	return &engine.UnsupportedError{Engine: e.Name(), What: "a certificate with this kind of key"}
}

func certificateOf(i *engine.Identity) tls.Certificate {
	return tls.Certificate{Certificate: i.Chain, PrivateKey: i.Key, Leaf: i.Leaf, OCSPStaple: i.Staple}
}

// oneTicket is a tls.ClientSessionCache for one connection: it offers one
// session, once, and hands on those that the server sends.
type oneTicket struct {
	offer []byte
	keep  func([]byte)
}

func (t *oneTicket) Get(string) (*tls.ClientSessionState, bool) {
	ticket, rest, ok := engine.SplitTicket(t.offer)
	t.offer = nil
	if !ok {
		return nil, false
	}
	state, err := tls.ParseSessionState(rest)
	if err != nil {
		return nil, false
	}
	session, err := tls.NewResumptionState(ticket, state)
	return session, err == nil
}

func (t *oneTicket) Put(_ string, session *tls.ClientSessionState) {
	if session == nil || t.keep == nil { // nil: one that did not work is taken back
		return
	}
	ticket, state, err := session.ResumptionState()
	if err != nil || state == nil {
		return
	}
	encoded, err := state.Bytes()
	if err != nil {
		return
	}
	if packed := engine.JoinTicket(ticket, encoded); packed != nil {
		t.keep(packed)
	}
}
