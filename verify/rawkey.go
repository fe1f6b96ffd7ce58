package verify

import (
	"crypto/sha256"
	"crypto/x509"
	"fmt"
)

// checkRawKey judges a peer that shows a key and no certificate (RFC 7250): by a
// pin or a TLSA record of the key alone. Nobody vouches for it, it has no name,
// and it never expires.
func (p *Policy) checkRawKey(spki []byte) (*Result, error) {
	key, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return nil, &Error{Reasons: []Reason{reason(Malformed, "the peer's raw public key can't be read: %v", err)}}
	}
	j := p.judge(&x509.Certificate{RawSubjectPublicKeyInfo: spki, PublicKey: key})
	c := &conclusion{}
	c.fault(j.keyFaults(j.leaf)...)
	if p.PostQuantum && !j.isPostQuantum(j.leaf) {
		c.fault(reason(SecurityLevel, "the peer's raw public key is not post-quantum"))
	}
	if p.Allows != nil && !p.Allows(j.leaf) {
		c.fault(reason(SecurityLevel, "the peer's raw public key is none that %s allows", p.AllowsBy))
	}
	if len(p.Trust) > 0 {
		c.fault(reason(Untrusted, "the peer shows a raw public key, for which no root vouches"))
	}
	for _, pin := range p.Pins {
		if pin.kind == keyPin && pin.matches(j.leaf) {
			c.ground("pin", pin.String())
			break
		}
	}
	if len(p.Pins) > 0 && len(c.result.Grounds) == 0 {
		c.fault(reason(PinMismatch, "the peer's raw public key is none that is pinned: if it was changed on purpose, the pin is now %s", RawKeyPin(spki)))
	}
	j.checkRawTLSA(c)
	return c.end()
}

// checkRawTLSA holds the key against the records of usage 3, selector 1, which
// are all that can match one.
func (j *judge) checkRawTLSA(c *conclusion) {
	if len(j.policy.TLSA) == 0 {
		return
	}
	for _, t := range usableTLSA(j.policy.TLSA) {
		if t.Usage == daneEE && t.Selector == selectSPKI && t.matches(j.leaf) {
			c.ground("tlsa", t.String())
			return
		}
	}
	c.fault(reason(PinMismatch, "no TLSA record matches the peer's raw public key, whose record would be '3 1 1 %s'", fmt.Sprintf("%X", sha256.Sum256(j.leaf.RawSubjectPublicKeyInfo))))
}

// RawKeyPin is KeyPin of a SubjectPublicKeyInfo.
func RawKeyPin(spki []byte) string {
	return pinOf(keyPin, &x509.Certificate{RawSubjectPublicKeyInfo: spki}).String()
}
