package engine

import "slices"

// CertificateType is what stands for a peer in a Certificate message: its code
// point (RFC 7250, section 3).
type CertificateType uint8

const (
	CertificateX509   CertificateType = 0
	CertificateRawKey CertificateType = 2
)

// Type is the type of certificate that an identity is.
func (id *Identity) Type() CertificateType {
	if id.RawKey != nil {
		return CertificateRawKey
	}
	return CertificateX509
}

// PublicKeyInfo is the SubjectPublicKeyInfo of an identity, DER.
func (id *Identity) PublicKeyInfo() []byte {
	if id.RawKey != nil {
		return id.RawKey
	}
	return id.Leaf.RawSubjectPublicKeyInfo
}

// Accepts tells whether the peer may show a type of certificate.
func (c *Config) Accepts(t CertificateType) bool {
	return slices.Contains(c.AcceptedTypes(), t)
}

// AcceptedTypes is PeerTypes with its default.
func (c *Config) AcceptedTypes() []CertificateType {
	if c.PeerTypes == nil {
		return []CertificateType{CertificateX509}
	}
	return c.PeerTypes
}
