package acquire

import (
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
	"tlsify/engine/trustanchor"
	"tlsify/verify"
	"tlsify/verify/mtc"
)

// merkle reads what Merkle Tree CAs are held to: --mtc-cosigners and
// --mtc-landmarks.
func (r *Resources) merkle() error {
	t, policy := r.Trust, r.Policy
	if t.Quorum == 0 && len(t.Landmarks) == 0 {
		return nil
	}
	ids, whole, err := merkleCAs(policy)
	if err != nil {
		return err
	}
	if len(ids) == 0 && whole {
		option := "mtc-cosigners"
		if t.Quorum == 0 {
			option = "mtc-landmarks"
		}
		return status.Usagef("--%s needs the certificate of a Merkle Tree CA among what is trusted", option)
	}
	policy.MTC = &mtc.Trust{}
	if policy.MTC.Quorum = t.Quorum; t.Quorum > 0 {
		if policy.MTC.Cosigners, err = r.files.Cosigners(t.Quorum, t.Cosigners); err != nil {
			return err
		}
	}
	for _, name := range t.Landmarks {
		logs, err := r.files.Landmarks(name)
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
func (r *Resources) trustAnchors(c *engine.ClientConfig) error {
	ids, _, err := merkleCAs(r.Policy)
	if err != nil {
		return err
	}
	r.MerkleCAs = ids
	c.TrustAnchors = append(c.TrustAnchors, ids...)
	if r.Policy.MTC == nil {
		return nil
	}
	for _, log := range r.Policy.MTC.Landmarks {
		if id, ok := log.Group(); ok {
			c.TrustAnchors = append(c.TrustAnchors, id)
		}
	}
	if _, err := trustanchor.List(c.TrustAnchors); err != nil {
		return status.Usagef("--trust: %v", err)
	}
	return nil
}
