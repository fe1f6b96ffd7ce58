package engine

import "crypto"

// PSK is an external pre-shared key (RFC 8446, section 4.2.11): one that did not
// come from an earlier connection. It is for one client and one server; whoever
// else knows it can be either (RFC 9257, section 4).
type PSK struct {
	Identity []byte // 1 to 65535 bytes, sent in clear
	Key      []byte // at least LeastPSK bytes, of full entropy
	// Hash is SHA-256 or SHA-384: that of the cipher suites that the key is used
	// with, or where it is imported, of the import.
	Hash crypto.Hash
	// Imported says that keys for the cipher suites are derived from this one
	// (RFC 9258), with Context, of up to 65535 bytes.
	Imported bool
	Context  []byte
}

// LeastPSK is the least length of a pre-shared key, in bytes (RFC 9257, section
// 6: at least 128 bits of entropy).
const LeastPSK = 16

// CertificatesAlone is the check of an engine that knows peers by certificates
// and nothing else, and cannot be told how these are signed. The error is a
// *UnsupportedError where c wants more.
func (c *Config) CertificatesAlone(e Engine) error {
	if len(c.PSKs) > 0 {
		return &UnsupportedError{e.Name(), "--psk"}
	}
	if c.Accepts(CertificateRawKey) {
		return &UnsupportedError{e.Name(), "--raw-public-key"}
	}
	if c.Signatures != nil {
		return &UnsupportedError{e.Name(), "--signatures"}
	}
	return nil
}
