package verify

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"time"
)

// judge is one call of Check: the policy, the leaf, and what is worked out
// once.
type judge struct {
	policy *Policy
	now    time.Time
	leaf   *x509.Certificate
	alt    altNames // the leaf's
	altOK  bool
	// leafBad is set where the leaf itself has faults.
	leafBad  bool
	unparsed []Unparsed
	// noted keeps every issuer's own faults, keys its names.
	noted map[issuerRole][]Reason
	keys  map[*x509.Certificate]nameKeys
	// holders and limits are what has been read for name constraints, points for CRLs.
	holders map[*x509.Certificate]*holder
	limits  map[*x509.Certificate]*nameLimits
	points  map[*x509.Certificate][]string
	// nameChecks is how often names have been compared with constraints.
	nameChecks int
	// others are keys that crypto/x509 does not know; nil: nobody does.
	others map[*x509.Certificate]Key
}

// issuerRole is a certificate as an anchor, or as an intermediate.
type issuerRole struct {
	cert   *x509.Certificate
	anchor bool
}

// nameKeys are a certificate's names in a form in which they can be compared.
type nameKeys struct{ subject, issuer string }

// Check judges a peer. The error is an *Error where the peer is rejected, and a
// *StoreError where a source of trust of ours, or a CRL, cannot be used.
func (p *Policy) Check(e Evidence) (*Result, error) {
	if e.RawKey != nil {
		return p.checkRawKey(e.RawKey)
	}
	if len(e.Certificates) == 0 {
		return nil, &Error{Reasons: []Reason{reason(Untrusted, "the peer showed no certificate")}}
	}
	j := p.judge(e.Certificates[0], e.Unparsed...)
	c := &conclusion{}
	c.fault(j.leafFaults()...)
	if err := j.checkTrust(c, e); err != nil {
		return nil, err
	}
	j.checkPins(c)
	c.result.Timestamps = countSCTs(e)
	j.checkStaple(c, e)
	return c.end()
}

func (p *Policy) judge(leaf *x509.Certificate, unparsed ...Unparsed) *judge {
	now := time.Now
	if p.Now != nil {
		now = p.Now
	}
	j := &judge{
		policy: p,
		// Certificates count in whole seconds (RFC 5280, section 4.1.2.5).
		now:   now().Truncate(time.Second),
		leaf:  leaf,
		noted: map[issuerRole][]Reason{},
		keys:  map[*x509.Certificate]nameKeys{},

		others:  map[*x509.Certificate]Key{},
		holders: map[*x509.Certificate]*holder{},
		limits:  map[*x509.Certificate]*nameLimits{},
		points:  map[*x509.Certificate][]string{},

		unparsed: unparsed,
	}
	j.alt, j.altOK = parseAltNames(leaf)
	j.leafBad = len(j.leafFaults())+len(j.leafPathFaults()) > 0
	return j
}

func (j *judge) names(c *x509.Certificate) nameKeys {
	return once(j.keys, c, func(c *x509.Certificate) nameKeys { return nameKeys{nameKey(c.RawSubject), nameKey(c.RawIssuer)} })
}

// once is what read makes of a certificate, which it does once, however many paths there
// are: a peer may have sent a hundred thousand parts of a name.
func once[T any](known map[*x509.Certificate]T, c *x509.Certificate, read func(*x509.Certificate) T) T {
	made, ok := known[c]
	if !ok {
		made = read(c)
		known[c] = made
	}
	return made
}

// named tells whether issuer has the name that child gives its issuer.
func (j *judge) named(child, issuer *x509.Certificate) bool {
	return j.names(child).issuer == j.names(issuer).subject
}

// sameCA tells whether two certificates are of one CA, by name and key.
func (j *judge) sameCA(a, b *x509.Certificate) bool {
	return j.names(a).subject == j.names(b).subject && bytes.Equal(a.RawSubjectPublicKeyInfo, b.RawSubjectPublicKeyInfo)
}

// selfIssued tells whether c has the same name as issuer and as subject, by
// which a CA changes its own key (RFC 5280, section 3.2).
func (j *judge) selfIssued(c *x509.Certificate) bool { return j.named(c, c) }

// conclusion gathers what vouches for a peer and what is wrong with it.
type conclusion struct {
	result Result
	faults []Reason
}

func (c *conclusion) fault(reasons ...Reason) { c.faults = append(c.faults, reasons...) }

func (c *conclusion) ground(kind, detail string) {
	c.result.Grounds = append(c.result.Grounds, Ground{kind, detail})
}

// path takes over a verdict on a path, whichever way it went.
func (c *conclusion) path(v *verdict) {
	c.fault(v.faults...)
	c.result.Path = v.path
	if len(v.faults) > 0 {
		return
	}
	detail := v.anchor.detail
	if detail == "" {
		detail = subjectText(v.anchor.cert)
	}
	c.ground(v.anchor.kind, detail)
	for i, cert := range v.path {
		if i == 0 || cert.NotAfter.Before(c.result.Expires) {
			c.result.Expires = cert.NotAfter
		}
	}
}

// end is the only place where a peer is accepted.
func (c *conclusion) end() (*Result, error) {
	if len(c.faults) == 0 && len(c.result.Grounds) == 0 {
		c.fault(reason(Untrusted, "nothing vouches for the peer: without trust in any root, a pin or a TLSA record must"))
	}
	if len(c.faults) > 0 {
		return nil, &Error{Reasons: sortReasons(c.faults)}
	}
	return &c.result, nil
}

// checkTrust looks for what vouches for the peer by way of certificates: a
// path to one of the roots, or TLSA records in its place or in addition.
func (j *judge) checkTrust(c *conclusion, e Evidence) error {
	p := j.policy
	trust := len(p.Trust) > 0
	if len(p.TLSA) == 0 {
		if !trust {
			return nil
		}
		return j.checkPath(c, e, p.anchors, nil)
	}

	d := matchTLSA(p.TLSA, e.Certificates)
	var accept func([]*x509.Certificate) *Reason
	switch {
	case d.leaf != nil:
		c.ground("tlsa", d.leaf.String())
		faults, err := j.loneCRLFaults(e.Certificates[1:])
		if err != nil {
			return err
		}
		c.fault(faults...)
		trust = trust && p.TrustToo
	case len(d.anchors) > 0:
		// Names and dates count (RFC 7671, section 5.2).
		own := &conclusion{}
		if err := j.checkPath(own, e, d.find, nil); err != nil {
			return err
		}
		if len(own.faults) > 0 && trust && d.pkix() {
			accept = d.accept
			break
		}
		*c = conclusion{result: own.result, faults: append(c.faults, own.faults...)}
		trust = trust && p.TrustToo
	case d.pkix() && trust:
		accept = d.accept
	case d.pkix():
		c.fault(reason(PinMismatch, "the TLSA records are of a usage that needs a trusted root as well: use them without --trust none"))
	default:
		c.fault(d.mismatch(j.leaf))
	}
	if !trust {
		return nil
	}
	before := len(c.faults)
	if err := j.checkPath(c, e, p.anchors, accept); err != nil {
		return err
	}
	if accept != nil && len(c.faults) == before {
		c.ground("tlsa", d.onPath(c.result.Path).String())
	}
	return nil
}

// checkPath looks for a path and judges it, with the leaf's names and dates.
func (j *judge) checkPath(c *conclusion, e Evidence, find findAnchors, accept func([]*x509.Certificate) *Reason) error {
	v, err := j.findPath(e.Certificates, find, accept)
	if err != nil {
		return err
	}
	v.faults = append(v.faults, j.leafPathFaults()...)
	if !j.namesUnread() {
		v.faults = append(v.faults, j.policy.checkNames(j.leaf, j.alt)...)
	}
	if len(v.path) == 1 {
		more, err := j.loneCRLFaults(e.Certificates[1:])
		if err != nil {
			return err
		}
		v.faults = append(v.faults, more...)
	}
	c.path(v)
	return nil
}

// anchors finds roots in the policy's stores. A root that is also in a store
// of the caller's counts as the caller's.
func (p *Policy) anchors(names *nameSet, all bool) ([]anchor, error) {
	var found []anchor
	for _, system := range []bool{false, true} {
		for _, store := range p.Trust {
			if store.system != system {
				continue
			}
			roots, err := store.find(names, all)
			if err != nil {
				return nil, err
			}
			for _, root := range roots {
				if !containsAnchor(found, root) {
					found = append(found, anchor{cert: root, system: system, kind: store.kind()})
				}
			}
		}
	}
	return found, nil
}

func containsAnchor(anchors []anchor, root *x509.Certificate) bool {
	for _, a := range anchors {
		if a.cert.Equal(root) {
			return true
		}
	}
	return false
}

// checkPins holds the leaf against the pins, any of which will do.
func (j *judge) checkPins(c *conclusion) {
	pins := j.policy.Pins
	for _, pin := range pins {
		if pin.matches(j.leaf) {
			c.ground("pin", pin.String())
			return
		}
	}
	if len(pins) > 0 {
		what := "is not the one that is pinned"
		if len(pins) > 1 {
			what = fmt.Sprintf("is none of the %d that are pinned", len(pins))
		}
		c.fault(reason(PinMismatch, "the peer's key or certificate%s %s: if its key was changed on purpose, the pin is now %s", issuedBy(j.leaf), what, KeyPin(j.leaf)))
	}
}

// issuedBy names who issued another certificate than the one that was expected, as a
// proxy that opens TLS does, whose key nobody should pin in the server's place.
func issuedBy(leaf *x509.Certificate) string {
	if bytes.Equal(leaf.RawIssuer, leaf.RawSubject) {
		return ""
	}
	return fmt.Sprintf(", issued by %q,", nameText(leaf.RawIssuer))
}
