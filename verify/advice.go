package verify

// Advice are the ways by which whoever reads a reason can mend it, as they are
// called where the policy comes from.
type Advice struct {
	Trust string // how another root is trusted: "--trust FILE"
	Pin   string // how a key is pinned: what stands before the pin; "" where it can't be
	Name  string // how another name is accepted: "--name"; "" where it can't be
}

// advice is the policy's, or that of tlsify's own options.
func (p *Policy) advice() Advice {
	switch {
	case p.Advice != Advice{}:
		return p.Advice
	case p.Purpose == ClientAuth:
		return Advice{Trust: "--client-trust FILE", Pin: "--pin"}
	}
	return Advice{Trust: "--trust FILE", Pin: "--trust none --pin", Name: "--name"}
}

// orPin is, where a key can be pinned, how, as the first of two ways.
func (a Advice) orPin(pin string) string {
	if a.Pin == "" {
		return ""
	}
	return "pin it with " + a.Pin + " " + pin + ", or "
}
