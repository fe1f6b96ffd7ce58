package verify

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"slices"
)

// This file searches a path from the leaf to one of the caller's roots through
// the certificates that the peer sent (RFC 5280, section 6, leaves the search
// open). What the peer sent may be in any order, incomplete, superfluous, or
// made to keep us busy.

const (
	// maxWork bounds the signature checks of one search, in the microseconds
	// that linkCost estimates. An ordinary path takes under 2000.
	maxWork = 20_000
	// maxSteps bounds the certificates looked at.
	maxSteps = 2000
	// maxSent is how many certificates of a peer are looked at.
	maxSent = 128
	// maxJudged bounds the complete paths that are judged.
	maxJudged = 32
	// maxHasty is how many paths the search tries before it starts to check
	// signatures on the way, after at most that many steps.
	maxHasty      = 3
	maxHastySteps = 50
)

// anchor is a trusted root.
type anchor struct {
	cert   *x509.Certificate
	system bool
	// kind and detail are those of the ground; an empty detail stands for the
	// certificate's subject.
	kind, detail string
}

// verdict is what the search came to: a path without faults, or the faults of
// the best that there is.
type verdict struct {
	path   []*x509.Certificate
	anchor anchor
	faults []Reason
}

// findAnchors gives the roots with any of the names; see Store.find.
type findAnchors func(names *nameSet, all bool) ([]anchor, error)

// search is the state of one search.
type search struct {
	*judge
	sent    []*x509.Certificate
	anchors []anchor
	accept  func(path []*x509.Certificate) *Reason
	crlKeys *crlKeys
	links   map[[2]*x509.Certificate]linkState
	// unproven is why the last proof that was no good was none.
	unproven *Reason

	work, steps, judged int
	// hasty makes the search go by names only and leave the signatures to the
	// judgement of the whole path. An ordinary peer's first path is right, and
	// each signature is then checked once.
	hasty bool
	// faulty lets the search go through issuers with faults, to tell more
	// about why there is no path.
	faulty bool
	best   *verdict            // the one with the fewest faults that reaches a root
	far    []*x509.Certificate // the longest that does not
}

// linkState is whether one certificate signed another.
type linkState uint8

const (
	linkBad linkState = iota
	linkGood
	linkWeak // it may have, but by an algorithm or a key that proves nothing
)

func newSearch(j *judge, sent []*x509.Certificate) *search {
	s := &search{judge: j, sent: sent, links: map[[2]*x509.Certificate]linkState{}}
	s.crlKeys = &crlKeys{s, map[crlKey]bool{}, map[*CRL]bool{}}
	return s
}

// findPath looks for a path to one of the anchors that find gives. A path for
// which accept, where not nil, has a reason against is not used.
func (j *judge) findPath(sent []*x509.Certificate, find findAnchors, accept func([]*x509.Certificate) *Reason) (*verdict, error) {
	s := newSearch(j, nil)
	s.accept = accept
	names := &nameSet{}
	if !emptyName(j.leaf.RawSubject) {
		names.add(j.leaf.RawSubject) // the leaf itself may be trusted
	}
	names.add(j.leaf.RawIssuer)
	for _, c := range sent[1:min(len(sent), maxSent)] {
		if !slices.ContainsFunc(s.sent, c.Equal) && !c.Equal(j.leaf) {
			s.sent = append(s.sent, c)
			names.add(c.RawIssuer)
		}
	}
	// First what is quickly found, then all there is, then what is no good but
	// tells why.
	for _, all := range []bool{false, true} {
		anchors, err := find(names, all)
		if err != nil {
			return nil, err
		}
		if all && len(anchors) == len(s.anchors) {
			break
		}
		s.anchors = anchors
		for _, hasty := range []bool{true, false} {
			if found, err := s.run(hasty, false); found != nil || err != nil {
				return found, err
			}
		}
	}
	if s.best == nil {
		if found, err := s.run(false, true); found != nil || err != nil {
			return found, err
		}
	}
	if s.best != nil {
		return s.best, nil
	}
	if names.fault != nil {
		return nil, names.fault
	}
	return s.noRoot(), nil
}

// run goes through all paths once, or until the limits.
func (s *search) run(hasty, faulty bool) (*verdict, error) {
	s.hasty, s.faulty = hasty, faulty
	s.steps, s.judged = 0, 0
	return s.extend([]*x509.Certificate{s.leaf})
}

// extend tries all ways to go on from a path, and returns the first complete
// one without faults.
func (s *search) extend(path []*x509.Certificate) (*verdict, error) {
	if s.steps++; s.steps > maxSteps || s.hasty && s.steps > maxHastySteps {
		return nil, nil
	}
	last := path[len(path)-1]
	for _, a := range s.likeliestFirst(last) {
		complete := path
		if a.cert.Equal(last) {
			// It is itself trusted. The anchor's own value is kept, so that it
			// is recognised.
			complete = append(slices.Clone(path[:len(path)-1]), a.cert)
		} else if s.named(last, a.cert) {
			complete = append(slices.Clip(path), a.cert)
		} else {
			continue
		}
		found, err := s.judgePath(complete, a)
		if found != nil || err != nil {
			return found, err
		}
	}
	if !s.hasty && len(path) > len(s.far) {
		s.far = slices.Clone(path)
	}
	// One more than allowed may be tried, for the sake of the reason.
	if len(path) >= s.maxPath() {
		return nil, nil
	}
	for _, c := range s.issuers(path) {
		if !s.faulty && len(s.issuerFaults(c, false)) > 0 {
			continue
		}
		if !s.hasty {
			if state := s.link(last, c); state == linkBad || state == linkWeak && !s.faulty {
				continue
			}
		}
		found, err := s.extend(append(slices.Clip(path), c))
		if found != nil || err != nil {
			return found, err
		}
	}
	return nil, nil
}

// likeliestFirst are the anchors, with last itself first, where it is one: there may be
// hundreds of its name. Next are those that have the key that last says it was signed
// by: a root that has got a new key often keeps its name.
func (s *search) likeliestFirst(last *x509.Certificate) []anchor {
	if len(s.anchors) < 2 {
		return s.anchors
	}
	var itself, likely, others []anchor
	for _, a := range s.anchors {
		switch {
		case a.cert.Equal(last):
			itself = append(itself, a)
		case len(last.AuthorityKeyId) > 0 && bytes.Equal(last.AuthorityKeyId, a.cert.SubjectKeyId):
			likely = append(likely, a)
		default:
			others = append(others, a)
		}
	}
	return slices.Concat(itself, likely, others)
}

// issuers are the sent certificates that may have issued the path's last, the
// likeliest first. A CA that is on the path already, by name and key, is left
// out: it can add nothing.
func (s *search) issuers(path []*x509.Certificate) []*x509.Certificate {
	last := path[len(path)-1]
	var likely, others []*x509.Certificate
	for _, c := range s.sent {
		if !s.named(last, c) || slices.ContainsFunc(path, func(p *x509.Certificate) bool { return s.sameCA(p, c) }) {
			continue
		}
		if len(last.AuthorityKeyId) == 0 || bytes.Equal(last.AuthorityKeyId, c.SubjectKeyId) {
			likely = append(likely, c)
		} else {
			others = append(others, c)
		}
	}
	return append(likely, others...)
}

// link tells whether parent's key signed child.
func (s *search) link(child, parent *x509.Certificate) linkState {
	key := [2]*x509.Certificate{child, parent}
	if state, ok := s.links[key]; ok {
		return state
	}
	if !s.spend(parent) {
		return linkBad
	}
	state := linkBad
	switch {
	case isMerkle(child, parent):
		s.work += s.merkleCost()
		state = s.merkleLink(child, parent)
	case insecureSignature(child.SignatureAlgorithm) || len(s.keyFaults(parent)) > 0:
		state = linkWeak
	case child.SignatureAlgorithm == x509.UnknownSignatureAlgorithm && !s.otherSignature(child):
		state = linkWeak
	default:
		if s.signed(parent, child.SignatureAlgorithm, signatureIdentifier(child.Raw), child.RawTBSCertificate, child.Signature) {
			state = linkGood
		}
	}
	s.links[key] = state
	return state
}

// judgePath judges a path that ends in an anchor, and returns it if there is
// nothing wrong with it.
func (s *search) judgePath(path []*x509.Certificate, a anchor) (*verdict, error) {
	n := len(path)
	if !s.hasty && n > 1 && s.link(path[n-2], path[n-1]) == linkBad {
		return nil, nil
	}
	if s.judged++; s.judged > maxJudged || s.hasty && s.judged > maxHasty {
		return nil, nil
	}
	v := &verdict{path: path, anchor: a}
	for i, c := range path[1:] {
		v.faults = append(v.faults, s.issuerFaults(c, i+1 == n-1)...)
	}
	more, err := s.pathFaults(path, a)
	if err != nil {
		return nil, err
	}
	v.faults = append(v.faults, more...)
	if len(v.faults) == 0 {
		v.faults = s.signatureChecks(path)
	}
	if len(v.faults) == 0 && s.accept != nil {
		if against := s.accept(path); against != nil {
			v.faults = append(v.faults, *against)
		}
	}
	if len(v.faults) == 0 {
		return v, nil
	}
	if !s.hasty && (s.best == nil || len(v.faults) < len(s.best.faults)) {
		s.best = v
	}
	return nil, nil
}

// signatureChecks makes sure, at last, of every signature on a path that has no
// other fault: by x509's opinion on the whole; or link by link where x509 could
// only repeat the leaf's own faults, or there is a log's proof for the leaf.
func (s *search) signatureChecks(path []*x509.Certificate) []Reason {
	if n := len(path); s.leafBad || n > 1 && isMerkle(path[n-2], path[n-1]) {
		for i, c := range path[1:] {
			if s.link(path[i], c) != linkGood {
				return []Reason{reason(Untrusted, "%q did not sign %q", subjectText(c), subjectText(path[i]))}
			}
		}
		return nil
	}
	if slices.ContainsFunc(path[1:], func(c *x509.Certificate) bool { return s.other(c) != nil }) {
		for i, c := range path[1:] {
			switch {
			case s.link(path[i], c) == linkGood:
			case s.work > maxWork:
				return []Reason{tooMuch}
			default:
				return []Reason{reason(Untrusted, "%q did not sign %q", subjectText(c), subjectText(path[i]))}
			}
		}
		return s.opinion(path, standIn)
	}
	if !s.spend(path[1:]...) {
		return []Reason{tooMuch}
	}
	return s.opinion(path, nil)
}

// spend counts the work of checking a signature by each of the keys, and tells
// whether it is within the limit.
func (s *search) spend(keys ...*x509.Certificate) bool {
	for _, c := range keys {
		s.work += s.linkCost(c)
	}
	return s.work <= maxWork
}

var tooMuch = Reason{Untrusted, "no path to a trusted root was found within the limits on the search: the peer sends too many certificates"}

// noRoot explains why no path reaches a root.
func (s *search) noRoot() *verdict {
	last := s.far[len(s.far)-1]
	issuer := nameText(last.RawIssuer)
	v := &verdict{}
	for _, c := range s.far[1:] {
		if !s.selfIssued(c) {
			v.faults = append(v.faults, s.issuerFaults(c, false)...)
		}
	}
	add := func(code Code, format string, args ...any) {
		v.faults = append(v.faults, reason(code, format, args...))
	}
	whose := "the certificate"
	if last != s.leaf {
		whose = fmt.Sprintf("%q", subjectText(last))
	}
	trust := s.policy.advice().Trust
	is := func(c *x509.Certificate) bool { return s.named(last, c) }
	switch {
	case s.work > maxWork || s.steps > maxSteps || s.judged > maxJudged:
		v.faults = append(v.faults, tooMuch)
	case s.unproven != nil:
		v.faults = append(v.faults, *s.unproven)
	case last == s.leaf && s.selfIssued(last):
		add(SelfSigned, "the certificate is self-signed, so no one vouches for it: if it is the right one, %sgive it with %s", s.policy.advice().orPin(KeyPin(last)), trust)
	case slices.ContainsFunc(s.anchors, func(a anchor) bool { return is(a.cert) }):
		add(Untrusted, "the trusted root %q has another key than the one that issued %s: give the right one with %s", issuer, whose, trust)
	case s.selfIssued(last):
		add(Untrusted, "the peer's own root %q is not trusted: if it should be, give it with %s", issuer, trust)
	case len(s.far) >= s.maxPath():
		add(Untrusted, "no trusted root is reached within %d certificates, as many as a path may have", s.maxPath())
	case slices.ContainsFunc(s.sent, is):
		add(Untrusted, "the issuer %q, whose certificate the peer sent, did not issue %s, and no trusted root did: the peer must send the right one", issuer, whose)
	default:
		for _, m := range s.unparsed {
			if subject, ok := certSubject(m.Raw); ok && m.Index > 0 && nameKey(subject) == s.names(last).issuer {
				add(Malformed, "certificate %d of those that the peer sent, by its name the issuer of %s, can't be read (%s): the peer must send one that is well formed", m.Index, whose, oneLine(m.Err.Error()))
				return v
			}
		}
		add(Untrusted, "no trusted root issued %s, and the peer did not send the certificate of its issuer %q: the peer must send it, or give it with %s", whose, issuer, trust)
	}
	return v
}
