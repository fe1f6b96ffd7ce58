package main

import (
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
	"tlsify/engine/trustanchor"
	"tlsify/verify"
	"tlsify/verify/mtc"
)

// merkle reads what Merkle Tree CAs are held to: --mtc-cosigners and
// --mtc-landmarks.
func (p *parser) merkle() error {
	policy := p.inv.policy
	cosigners, quorum := p.words.Value("mtc-cosigners")
	landmarks := p.words.Values["mtc-landmarks"]
	if !quorum && len(landmarks) == 0 {
		return nil
	}
	ids, whole, err := merkleCAs(policy)
	if err != nil {
		return err
	}
	if len(ids) == 0 && whole {
		option := "mtc-cosigners"
		if !quorum {
			option = "mtc-landmarks"
		}
		return status.Usagef("--%s needs the certificate of a Merkle Tree CA among what is trusted", option)
	}
	policy.MTC = &mtc.Trust{}
	if quorum {
		if policy.MTC.Quorum, policy.MTC.Cosigners, err = p.files.Cosigners(cosigners); err != nil {
			return err
		}
	}
	for _, name := range landmarks {
		logs, err := p.files.Landmarks(name)
		if err != nil {
			return err
		}
		if err := policy.MTC.AddLandmarks(logs...); err != nil {
			return status.Usagef("--mtc-landmarks: %s: %v", status.Cut(name), err)
		}
	}
	return nil
}

// merkleCAs gives the IDs of the Merkle Tree CAs among the policy's roots.
// Whole is false where there may be others.
func merkleCAs(policy *verify.Policy) (ids []trustanchor.ID, whole bool, err error) {
	whole = true
	for _, store := range policy.Trust {
		found, all, err := store.MerkleCAs()
		if err != nil {
			return nil, false, status.Usagef("%v", err)
		}
		ids, whole = append(ids, found...), whole && all
	}
	return ids, whole, nil
}

// trustAnchors has the client tell the server which Merkle Tree CAs it knows,
// and which landmarks of theirs it has: nothing where there are none.
func (p *parser) trustAnchors(c *engine.ClientConfig) error {
	ids, _, err := merkleCAs(p.inv.policy)
	if err != nil {
		return err
	}
	p.inv.merkleCAs = ids
	c.TrustAnchors = append(c.TrustAnchors, ids...)
	if p.inv.policy.MTC == nil {
		return nil
	}
	for _, log := range p.inv.policy.MTC.Landmarks {
		if id, ok := log.Group(); ok {
			c.TrustAnchors = append(c.TrustAnchors, id)
		}
	}
	if _, err := trustanchor.List(c.TrustAnchors); err != nil {
		return status.Usagef("--trust: %v", err)
	}
	return nil
}
