package engine

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rsa"
	"crypto/x509"
	"slices"
	"sync"
)

// A Profile is what somebody's rules allow of TLS 1.3: the groups, cipher suites
// and signatures, in order of preference, and the certificates. What is not in it
// is neither offered nor taken, and what is in it has no order of strength beside
// other profiles. An engine that cannot keep to one says so.
type Profile struct {
	Name       string
	Level      Level    // that it is at least
	Groups     []string // as Engine.Groups has them
	Ciphers    []Cipher
	Signatures []string // by their registered names, for handshakes and in chains

	leastRSA int // bits
	curves   []elliptic.Curve
	mldsa    []mldsa.Parameters
}

// profiles are all of them. They are of TLS 1.3, and strict where a rule leaves a
// choice to the implementation.
var profiles = sync.OnceValue(func() []*Profile {
	return []*Profile{
		{ // NSA, Commercial National Security Algorithm Suite 2.0
			Name: "cnsa2", Level: LevelPQAuth,
			Groups: []string{"MLKEM1024"}, Ciphers: []Cipher{AES256GCM}, Signatures: []string{"mldsa87"},
			mldsa: []mldsa.Parameters{mldsa.MLDSA87()},
		},
		{ // BSI TR-02102-2, with the hybrid groups of its curves (TR-02102-1); not checked against its text
			Name: "bsi", Level: LevelTLS13,
			Groups:  []string{"SecP384r1MLKEM1024", "SecP256r1MLKEM768", "secp384r1", "secp256r1"},
			Ciphers: []Cipher{AES256GCM, AES128GCM},
			Signatures: []string{"mldsa87", "mldsa65", "ecdsa_secp384r1_sha384", "ecdsa_secp256r1_sha256", "ecdsa_secp521r1_sha512",
				"rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512"},
			leastRSA: 3000, curves: []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()},
			mldsa: []mldsa.Parameters{mldsa.MLDSA65(), mldsa.MLDSA87()},
		},
		{ // NIST SP 800-52, revision 2, as of May 2022: nothing post-quantum
			Name: "fips202205", Level: LevelTLS13,
			Groups: []string{"secp256r1", "secp384r1"}, Ciphers: []Cipher{AES128GCM, AES256GCM},
			Signatures: []string{"ecdsa_secp256r1_sha256", "ecdsa_secp384r1_sha384", "rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512",
				"rsa_pkcs1_sha256", "rsa_pkcs1_sha384", "rsa_pkcs1_sha512"},
			leastRSA: 2048, curves: []elliptic.Curve{elliptic.P256(), elliptic.P384()},
		},
		{ // WPA3 Specification 3.1, section 3.5, of April 2023: its 192-bit mode
			Name: "wpa202304", Level: LevelTLS13,
			Groups: []string{"secp384r1"}, Ciphers: []Cipher{AES256GCM},
			Signatures: []string{"ecdsa_secp384r1_sha384", "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512", "rsa_pkcs1_sha384", "rsa_pkcs1_sha512"},
			leastRSA:   3072, curves: []elliptic.Curve{elliptic.P384()},
		},
	}
})

// ProfileByName gives the profile of that name, or nil.
func ProfileByName(name string) *Profile {
	for _, p := range profiles() {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// ProfileNames are those of all profiles.
func ProfileNames() (names []string) {
	for _, p := range profiles() {
		names = append(names, p.Name)
	}
	return names
}

// AllowsGroup tells whether a group, by its registered name, is in the profile.
// A nil profile allows everything.
func (p *Profile) AllowsGroup(name string) bool { return p == nil || slices.Contains(p.Groups, name) }

// AllowsCertificate tells whether a certificate's key, and how it is signed, are in
// the profile. How a root has signed itself says nothing.
func (p *Profile) AllowsCertificate(c *x509.Certificate) bool {
	signed := bytes.Equal(c.RawIssuer, c.RawSubject) || len(c.Raw) == 0 || slices.Contains(p.Signatures, chainSignatures()[c.SignatureAlgorithm])
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return signed && p.leastRSA > 0 && key.N.BitLen() >= p.leastRSA
	case *ecdsa.PublicKey:
		return signed && slices.Contains(p.curves, key.Curve)
	case *mldsa.PublicKey:
		return signed && slices.Contains(p.mldsa, key.Parameters())
	}
	return false
}

// ChainSignature is the name of what certificates are signed with, or empty.
func ChainSignature(algorithm x509.SignatureAlgorithm) string { return chainSignatures()[algorithm] }

// chainSignatures are the names of what certificates are signed with. An ECDSA
// signature goes by its hash; the curve is the issuer's key's, which is looked at
// by itself.
var chainSignatures = sync.OnceValue(func() map[x509.SignatureAlgorithm]string {
	return map[x509.SignatureAlgorithm]string{
		x509.ECDSAWithSHA256:  "ecdsa_secp256r1_sha256",
		x509.ECDSAWithSHA384:  "ecdsa_secp384r1_sha384",
		x509.ECDSAWithSHA512:  "ecdsa_secp521r1_sha512",
		x509.SHA256WithRSAPSS: "rsa_pss_rsae_sha256",
		x509.SHA384WithRSAPSS: "rsa_pss_rsae_sha384",
		x509.SHA512WithRSAPSS: "rsa_pss_rsae_sha512",
		x509.SHA256WithRSA:    "rsa_pkcs1_sha256",
		x509.SHA384WithRSA:    "rsa_pkcs1_sha384",
		x509.SHA512WithRSA:    "rsa_pkcs1_sha512",
		x509.PureEd25519:      "ed25519",
		x509.MLDSA44:          "mldsa44",
		x509.MLDSA65:          "mldsa65",
		x509.MLDSA87:          "mldsa87",
	}
})
