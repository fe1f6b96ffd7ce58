package main

import (
	"slices"
	"strings"

	"tlsify/cmd/tlsify/internal/starttls"
)

// starttls reads --starttls.
func (p *parser) starttls() error {
	protocol, ok := p.words.value("starttls")
	switch {
	case !ok:
		return nil
	case !slices.Contains(starttls.Protocols(), protocol):
		return usagef("--starttls: %q is none of %s", cut(protocol), strings.Join(starttls.Protocols(), ", "))
	case p.words.has("tcp-fastopen"):
		return usagef("--tcp-fastopen is not for --starttls: TLS is not what is sent first")
	}
	p.inv.starttls = protocol
	if names := p.inv.policy.Names; len(names) > 0 {
		p.inv.starttlsName = names[0].Host()
	} else if strings.HasPrefix(protocol, "xmpp") {
		return usagef("--starttls %s needs --name, for the server's domain", protocol)
	}
	return nil
}
