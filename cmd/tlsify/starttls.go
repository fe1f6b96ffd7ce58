package main

import (
	"slices"
	"strings"

	"tlsify/cmd/tlsify/internal/starttls"
	"tlsify/cmd/tlsify/internal/status"
)

// starttls reads --starttls.
func (p *parser) starttls() error {
	protocol, ok := p.words.Value("starttls")
	switch {
	case !ok:
		return nil
	case !slices.Contains(starttls.Protocols(), protocol):
		return status.Usagef("--starttls: %q is none of %s", status.Cut(protocol), strings.Join(starttls.Protocols(), ", "))
	case p.words.Has("tcp-fastopen"):
		return status.Usagef("--tcp-fastopen is not for --starttls: TLS is not what is sent first")
	}
	p.inv.starttls = protocol
	if names := p.inv.policy.Names; len(names) > 0 {
		p.inv.starttlsName = names[0].Host()
	} else if strings.HasPrefix(protocol, "xmpp") {
		return status.Usagef("--starttls %s needs --name, for the server's domain", protocol)
	}
	return nil
}
