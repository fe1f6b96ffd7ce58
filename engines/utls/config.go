package utls

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"slices"

	tls "github.com/refraction-networking/utls"

	"tlsify/engine"
	"tlsify/engine/ech"
)

// groups are what the library can do, in its own order of preference, for a
// ClientHello without a fingerprint. P-521 is there for TLS 1.2 servers whose
// certificate has such a key (RFC 8422, section 5.1.1).
var groups = [...]tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521}

// clientConfig translates what does not depend on the fingerprint. With one,
// the library takes versions, suites, groups and protocols from there instead.
func (e Engine) clientConfig(c *engine.ClientConfig) (*tls.Config, error) {
	if c.Verify == nil {
		return nil, errNoVerify
	}
	if c.Profile != nil {
		return nil, e.unsupported("--min-security " + c.Profile.Name)
	}
	if err := c.CertificatesAlone(e); err != nil {
		return nil, err
	}
	if c.Level >= engine.LevelPQAuth {
		return nil, e.unsupported("post-quantum authentication")
	}
	names, err := c.ResolveGroups(e)
	if err != nil {
		return nil, err
	}
	if c.CAs != nil {
		return nil, e.unsupported("--send-ca-names")
	}
	if c.ECHGrease {
		return nil, e.unsupported("--ech grease, but by a fingerprint that has it")
	}
	if c.ECHConfigList != nil && (c.Fingerprint != "" || c.Hello != nil) {
		// The library makes an inner ClientHello that is none of the
		// fingerprint's, and passes over the error where it cannot make one.
		return nil, e.unsupported("an encrypted ClientHello with a fingerprint")
	}
	for _, id := range c.Identities {
		if err := e.checkKey(id); err != nil {
			return nil, err
		}
	}
	config := &tls.Config{
		ServerName:   c.ServerName,
		MinVersion:   lowestVersion(c.Level),
		MaxVersion:   tls.VersionTLS13,
		CipherSuites: engine.SuitesTLS12(),
		NextProtos:   c.ALPN,
		KeyLogWriter: c.KeyLog,
		// Verification is Verify's, by VerifyConnection, also of a stored
		// session's certificates.
		InsecureSkipVerify:     true,
		InsecureSkipTimeVerify: true,
		Renegotiation:          tls.RenegotiateNever,
		SessionTicketsDisabled: true,
		// A ClientHello without pre_shared_key is one like another.
		OmitEmptyPsk:                       true,
		PreferSkipResumptionOnNilExtension: true,
		// Records go out many to a system call; there is nothing to gain from
		// small ones.
		DynamicRecordSizingDisabled: true,
	}
	for _, id := range groups {
		if slices.Contains(names, engine.GroupName(uint16(id))) {
			config.CurvePreferences = append(config.CurvePreferences, id)
		}
	}
	if c.ECHConfigList != nil {
		if config.EncryptedClientHelloConfigList, err = ech.Usable(c.ECHConfigList); err != nil {
			return nil, e.unsupported("--ech: " + err.Error())
		}
		config.MinVersion = tls.VersionTLS13
	}
	return config, nil
}

func lowestVersion(level engine.Level) uint16 {
	if level >= engine.LevelTLS13 {
		return tls.VersionTLS13
	}
	return tls.VersionTLS12
}

// checkKey refuses a key that the library cannot sign with.
func (e Engine) checkKey(i *engine.Identity) error {
	if i.RawKey != nil {
		return e.unsupported("a raw public key")
	}
	switch i.Key.Public().(type) {
	case *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey:
		return nil
	}
	return e.unsupported("a certificate with this kind of key")
}
