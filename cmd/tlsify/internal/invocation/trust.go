package invocation

import (
	"slices"
	"strconv"
	"strings"

	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
	"tlsify/verify"
)

// stapleModes are the words for --staple.
var stapleModes = map[string]verify.StapleMode{
	"off":     verify.StapleOff,
	"check":   verify.StapleCheck,
	"require": verify.StapleRequire,
}

// serverTrust reads what a client trusts.
func (p *parser) serverTrust() error {
	t := &Trust{Option: "trust"}
	p.inv.Trust = t
	if err := p.names(t); err != nil {
		return err
	}
	if p.inv.TLS.PSK != "" {
		t.Names = nil // the key stands for whoever has it
		return nil
	}
	if err := p.trust(t, RootSystem); err != nil {
		return err
	}
	if value, ok := p.words.Value("staple"); ok {
		if t.Staple, ok = stapleModes[value]; !ok {
			return status.Usagef("--staple: want off, check or require, not %q", status.Cut(value))
		}
	}
	t.AnyName = p.AnyName && len(t.Names) == 0
	if len(t.Roots) > 0 && len(t.Names) == 0 && !t.AnyName {
		return status.Usagef("--name is needed: there is no HOST whose certificate to expect")
	}
	return nil
}

// names reads which names are expected, and which is sent. HOST is both, unless
// options say otherwise.
func (p *parser) names(t *Trust) error {
	names := p.words.Values["name"]
	if host := p.inv.Host.String(); len(names) == 0 && host != "" {
		names = []string{host}
	}
	first := ""
	for _, value := range names {
		name, err := verify.ParseName(value)
		if err != nil {
			return status.Usagef("--name: %v", err)
		}
		t.Names = append(t.Names, name)
		if first == "" && name.IsDNS() {
			first = name.String()
		}
	}
	sent := &p.inv.TLS.ServerName
	*sent = first
	if value, ok := p.words.Value("sni"); ok {
		*sent = ""
		if value != "none" {
			name, err := verify.ParseName(value)
			if err != nil || !name.IsDNS() {
				return status.Usagef("--sni: %q is not a DNS name", status.Cut(value))
			}
			*sent = name.String()
		}
	} else if p.inv.Host.IsDNS() {
		*sent = p.inv.Host.String()
	}
	return nil
}

// clientTrust reads what a server trusts of its clients.
func (p *parser) clientTrust() error {
	w := p.words
	switch asked := p.inv.TLS.ClientAuth != engine.ClientAuthNone; {
	case !asked && (w.Has("client-trust") || w.Has("pin")):
		return status.Usagef("--client-trust and --pin need --client-auth request or require")
	case !asked:
		for _, option := range []string{"crl", "mtc-cosigners", "mtc-landmarks"} {
			if w.Has(option) {
				return status.Usagef("--%s needs --client-auth request or require", option)
			}
		}
		return nil
	case !w.Has("client-trust") && !w.Has("pin"):
		return status.Usagef("--client-auth needs --client-trust or --pin")
	case slices.Contains(w.Values["client-trust"], RootSystem):
		return status.Usagef("--client-trust: the system's roots are for servers; name a file")
	}
	p.inv.Trust = &Trust{Option: "client-trust"}
	return p.trust(p.inv.Trust, "none")
}

// trust reads the option that names roots, pins and revocation lists.
func (p *parser) trust(t *Trust, byItself string) (err error) {
	t.SystemFile, t.SystemDir = p.Env["SSL_CERT_FILE"], p.Env["SSL_CERT_DIR"]
	if err := p.pins(t); err != nil {
		return err
	}
	if t.CRLs, err = p.filesOf("crl"); err != nil {
		return err
	}
	if err := p.merkle(t); err != nil {
		return err
	}
	values := p.words.Values[t.Option]
	if p.inv.TLS.Raw && len(values) == 0 {
		values = []string{"none"}
	}
	byKey := len(t.Pins) + len(t.PinFiles) + len(t.TLSA)
	if p.inv.TLS.Raw && (byKey == 0 || !slices.Equal(values, []string{"none"})) {
		return status.Usagef("--raw-public-key: nobody vouches for a key: it needs a --pin or a --tlsa record, and no --%s", t.Option)
	}
	// Trust that was asked for is meant, whatever a record says.
	t.TrustToo = len(values) > 0
	if len(values) == 0 {
		values = []string{byItself}
	}
	if slices.Contains(values, "none") {
		t.TrustToo = false
		switch {
		case len(values) > 1:
			return status.Usagef("--%s none excludes every other", t.Option)
		case byKey == 0:
			return status.Usagef("--%s none needs a --pin or a --tlsa record", t.Option)
		case len(t.CRLs) > 0:
			return status.Usagef("--crl needs a path to look at, and --%s none builds none", t.Option)
		}
		return nil
	}
	t.Roots = make([]string, len(values))
	for i, value := range values {
		if err := p.file(t.Option, value, &t.Roots[i]); err != nil {
			return err
		}
	}
	return nil
}

// merkle reads what Merkle Tree CAs are held to.
func (p *parser) merkle(t *Trust) (err error) {
	if value, ok := p.words.Value("mtc-cosigners"); ok {
		count, name, _ := strings.Cut(value, " ")
		name = strings.TrimLeft(name, " ")
		if t.Quorum, err = strconv.Atoi(count); err != nil || t.Quorum < 1 || name == "" {
			return status.Usagef("--mtc-cosigners: %q is not 'N FILE'", status.Cut(value))
		}
		if err := p.file("mtc-cosigners", name, &t.Cosigners); err != nil {
			return err
		}
	}
	t.Landmarks, err = p.filesOf("mtc-landmarks")
	return err
}

// pins reads --pin and --tlsa.
func (p *parser) pins(t *Trust) error {
	for _, value := range p.words.Values["pin"] {
		if !strings.HasPrefix(value, "sha256//") && !strings.HasPrefix(value, "cert-sha256//") {
			var name string
			if err := p.file("pin", value, &name); err != nil {
				return err
			}
			t.PinFiles = append(t.PinFiles, name)
			continue
		}
		pin, err := verify.ParsePin(value)
		if err != nil {
			return status.Usagef("--pin: %v", err)
		}
		t.Pins = append(t.Pins, pin)
	}
	for _, value := range p.words.Values["tlsa"] {
		record, err := verify.ParseTLSA(value)
		if err != nil {
			return status.Usagef("--tlsa: %v", err)
		}
		t.TLSA = append(t.TLSA, record)
	}
	return nil
}
