package facts

import (
	"strconv"
	"time"

	"tlsify/cmd/tlsify/internal/status"
)

// Say puts the facts on the control channel, but for those about the peer's
// certificates, which went before.
func (f *Facts) Say(to *status.Channel) {
	to.Say("protocol", f.State.Version.String())
	for _, fact := range f.Negotiated() {
		if fact[1] != "" {
			to.Say(fact[0], fact[1])
		}
	}
	for _, g := range f.Verified {
		to.Say("verified", g[0], g[1])
	}
	if f.Unverified != nil {
		to.Say("unverified", f.Unverified...)
	}
	if f.stapled {
		to.Say("staple", "good")
	}
	if f.timestamps > 0 {
		to.Say("timestamps", strconv.Itoa(f.timestamps))
	}
	if !f.expires.IsZero() {
		to.Say("expires", f.expires.UTC().Format(time.RFC3339))
		if time.Until(f.expires) < soon {
			to.Say("expires-soon", strconv.Itoa(int(time.Until(f.expires).Hours()/24)))
		}
	}
	if f.Binding[0] != "" {
		to.Say("binding", f.Binding[0], f.Binding[1])
	}
}

// Negotiated lists what was negotiated, as keyword and value; an empty value
// is not known, or not there.
func (f *Facts) Negotiated() []Ground {
	list := []Ground{
		{"cipher", f.State.Cipher.String()},
		{"group", f.State.Group},
		{"signature", f.State.Signature},
		{"alpn", f.State.ALPN},
		{"resumed", yesNo(f.State.Resumed)},
		{"server-name", f.State.ServerName},
	}
	if f.State.ECH {
		list = append(list, Ground{"ech", "accepted"})
	}
	return list
}
