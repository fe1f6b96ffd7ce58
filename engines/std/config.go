package std

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/mldsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"

	"tlsify/engine"
	"tlsify/engine/ech"
)

// groups are what crypto/tls can do: the defaults, in its own order of
// preference, which is the one it uses whatever order it is given; and then
// what must be named. P-521 is the last choice, and there for TLS 1.2 servers whose
// certificate has such a key: they look for it here (RFC 8422, section 5.1.1).
var groups = [...]tls.CurveID{
	tls.X25519MLKEM768,
	tls.SecP256r1MLKEM768,
	tls.SecP384r1MLKEM1024,
	tls.X25519,
	tls.CurveP256,
	tls.CurveP384,
	tls.CurveP521,
	tls.MLKEM1024,
}

// defaultGroups is how many of groups are offered where none is named. A least
// level of security that rules the classical ones out offers the others, too.
const defaultGroups = 7

var errNoVerify = errors.New("std: a configuration without Verify")

// config translates what clients and servers have in common.
func (e Engine) config(c *engine.Config) (*tls.Config, error) {
	if c.Verify == nil {
		return nil, errNoVerify
	}
	if c.Profile != nil { // crypto/tls cannot be told which cipher suites of TLS 1.3 to take
		return nil, &engine.UnsupportedError{Engine: e.Name(), What: "--min-security " + c.Profile.Name}
	}
	if err := c.CertificatesAlone(e); err != nil {
		return nil, err
	}
	wanted := *c
	if all, _ := e.Groups(); c.Groups == nil && c.Level >= engine.LevelPQ {
		wanted.Groups = all
	}
	names, err := wanted.ResolveGroups(e)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{
		MinVersion:             tls.VersionTLS12,
		MaxVersion:             tls.VersionTLS13,
		CipherSuites:           engine.SuitesTLS12(),
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
	if c.CAs != nil {
		return nil, &engine.UnsupportedError{Engine: e.Name(), What: "--send-ca-names"}
	}
	if c.ECHGrease {
		return nil, &engine.UnsupportedError{Engine: e.Name(), What: "--ech grease"}
	}
	for _, id := range c.Identities {
		if err := e.checkKey(id, c.Level); err != nil {
			return nil, err
		}
	}
	config.ServerName = c.ServerName
	// Verification is Verify's, by VerifyConnection.
	config.InsecureSkipVerify = true
	if c.ECHConfigList != nil {
		if config.EncryptedClientHelloConfigList, err = ech.Usable(c.ECHConfigList); err != nil {
			return nil, &engine.UnsupportedError{Engine: e.Name(), What: "--ech: " + err.Error()}
		}
		config.MinVersion = tls.VersionTLS13
	}
	if c.KeepTicket != nil || c.Ticket != nil {
		config.SessionTicketsDisabled = false
		config.ClientSessionCache = newOneTicket(c)
	}
	return config, nil
}

func (e Engine) serverConfig(c *engine.ServerConfig) (*tls.Config, error) {
	config, err := e.config(&c.Config)
	if err != nil {
		return nil, err
	}
	if err := e.addIdentities(config, c); err != nil {
		return nil, err
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
	for _, key := range c.ECHKeys {
		private, err := key.Private.Bytes()
		if err != nil {
			return nil, err
		}
		config.EncryptedClientHelloKeys = append(config.EncryptedClientHelloKeys,
			tls.EncryptedClientHelloKey{Config: key.Raw, PrivateKey: private, SendAsRetry: true})
	}
	if len(c.TicketKeys) > 0 {
		config.SessionTicketsDisabled = false
		config.SetSessionTicketKeys(c.TicketKeys)
		bindTickets(config, c)
	}
	return config, nil
}

// checkKey refuses a key that crypto/tls cannot sign with, or not at a level.
func (e Engine) checkKey(i *engine.Identity, level engine.Level) error {
	if i.RawKey != nil {
		return &engine.UnsupportedError{Engine: e.Name(), What: "a raw public key"}
	}
	switch i.Key.Public().(type) {
	case *mldsa.PublicKey:
		return nil
	case *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey:
		if level < engine.LevelPQAuth {
			return nil
		}
		return &engine.UnsupportedError{Engine: e.Name(), What: "a certificate with this kind of key at this security level"}
	}
	return &engine.UnsupportedError{Engine: e.Name(), What: "a certificate with this kind of key"}
}

// addIdentities adds a server's certificates, but for those whose keys are
// below the level, as long as there is another.
func (e Engine) addIdentities(config *tls.Config, c *engine.ServerConfig) error {
	classical := false
	var refused error
	for _, identity := range c.Identities {
		if err := e.checkKey(identity, c.Level); err != nil {
			if e.checkKey(identity, engine.LevelStandard) != nil {
				return err
			}
			refused = err
			continue
		}
		if identity.Anchors != nil && identity.Anchors.OnDemand {
			return &engine.UnsupportedError{Engine: e.Name(), What: "a certificate for clients that ask for its trust anchor"}
		}
		classical = classical || !isMLDSA(identity.Key.Public())
		config.Certificates = append(config.Certificates, certificateOf(identity))
	}
	if len(config.Certificates) == 0 {
		return cmp.Or(refused, errors.New("std: a server's configuration without a certificate"))
	}
	if !classical {
		config.MinVersion = tls.VersionTLS13 // which alone has ML-DSA
	}
	config.GetCertificate = chooser(config.Certificates)
	return nil
}

// chooser gives a client the certificate for the name that it asks for, as the
// library does by itself; and where none is, the first that it has the signatures
// for, in place of the first.
func chooser(certificates []tls.Certificate) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		nameless := *hello
		nameless.ServerName = ""
		for _, asked := range []*tls.ClientHelloInfo{hello, &nameless} {
			for i := range certificates {
				if asked.SupportsCertificate(&certificates[i]) == nil {
					return &certificates[i], nil
				}
			}
		}
		return &certificates[0], nil
	}
}

func certificateOf(i *engine.Identity) tls.Certificate {
	return tls.Certificate{Certificate: i.Chain, PrivateKey: i.Key, Leaf: i.Leaf, OCSPStaple: i.Staple}
}
