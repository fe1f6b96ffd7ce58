package invocation

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"tlsify/cmd/tlsify/internal/dial"
	"tlsify/cmd/tlsify/internal/option"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/pump"
)

// limits reads the time limits.
func (p *parser) limits() error {
	for _, l := range []struct {
		name     string
		into     *time.Duration
		byItself time.Duration
	}{
		{"connect-timeout", &p.inv.Limits.Connect, 30 * time.Second},
		{"handshake-timeout", &p.inv.Limits.Handshake, 30 * time.Second},
		{"timeout", &p.inv.Limits.Total, 0},
		{"idle-timeout", &p.inv.Stream.Idle, 0},
		{"linger", &p.inv.Stream.Linger, 10 * time.Second},
		{"eof-wait", &p.inv.Stream.EOFWait, 10 * time.Second},
	} {
		*l.into = l.byItself
		if value, ok := p.words.Value(l.name); ok {
			if *l.into, ok = parseTime(value); !ok {
				return status.Usagef("--%s: %q is not a time such as 30s, 500ms or 2m", l.name, status.Cut(value))
			}
		}
	}
	return nil
}

// parseTime reads a duration with its unit, or whole seconds, of at least a
// millisecond and at most a year.
func parseTime(value string) (time.Duration, bool) {
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		value = strconv.FormatUint(seconds, 10) + "s"
	}
	d, err := time.ParseDuration(value)
	return d, err == nil && d >= time.Millisecond && d <= 365*24*time.Hour
}

// stream reads how the stream is carried and how it ends.
func (p *parser) stream() error {
	s := &p.inv.Stream
	s.EOF = EOFAuto
	if value, ok := p.words.Value("eof"); ok {
		s.EOF = value
	}
	if !slices.Contains([]string{EOFAuto, EOFHalfClose, EOFHold}, s.EOF) {
		return status.Usagef("--eof: want auto, half-close or hold, not %q", status.Cut(s.EOF))
	}
	if p.words.Has("eof-wait") && s.EOF != EOFAuto {
		return status.Usagef("--eof-wait is for --eof auto")
	}
	s.Tolerate = p.words.Has("tolerate-truncation")
	s.Pump = pump.Auto
	if value, ok := p.words.Value("pump"); ok {
		s.Pump = pump.Kind(value)
		if !slices.Contains(pump.Kinds[:], s.Pump) {
			return status.Usagef("--pump: want auto, ktls, record or session, not %q", status.Cut(value))
		}
	}
	return nil
}

// The words for --eof.
const (
	EOFAuto      = "auto"
	EOFHalfClose = "half-close"
	EOFHold      = "hold"
)

// The kinds of --handoff.
const (
	HandPair   = "socketpair" // an end of one, while the pump goes on
	HandKernel = "ktls"       // the network's socket, whose TLS is the kernel's
	HandAuto   = "auto"       // the latter where --pump auto would have the kernel's and nothing is asked of the stream, else the former
)

// plaintext reads who has the plaintext: --handoff.
func (p *parser) plaintext() error {
	kind, ok := p.words.Value("handoff")
	switch {
	case !ok:
		return nil
	case kind != HandPair && kind != HandKernel && kind != HandAuto:
		return status.Usagef("--handoff: want socketpair, ktls or auto, not %q", status.Cut(kind))
	case p.words.Prog != nil:
		return status.Usagef("--handoff and a program exclude each other: the program has the plaintext")
	case !p.Say.Control.CanHandOver():
		return status.Usagef("--handoff needs a --control-fd that is a unix socket")
	case kind != HandPair && p.words.Has("pump"):
		return status.Usagef("--pump is for a stream that tlsify carries; with it, --handoff socketpair")
	}
	if kind == HandAuto && slices.ContainsFunc(option.Table, p.needsCarrying) {
		kind = HandPair // the socket itself would go without what was asked for
	}
	p.inv.Stream.Handoff = kind
	return nil
}

// needsCarrying tells whether an option is given that --handoff ktls excludes.
func (p *parser) needsCarrying(o option.Option) bool {
	return p.words.Has(o.Name) && slices.Contains(o.Excludes, "handoff "+HandKernel)
}

// starttls reads --starttls.
func (p *parser) starttls() error {
	protocol, ok := p.words.Value("starttls")
	name, named := p.words.Value("starttls-name")
	switch {
	case !ok && named:
		return status.Usagef("--starttls-name is for --starttls")
	case !ok:
		return nil
	case !slices.Contains(dial.StarttlsProtocols(), protocol):
		return status.Usagef("--starttls: want one of %s, not %q", strings.Join(dial.StarttlsProtocols(), ", "), status.Cut(protocol))
	case p.words.Has("tcp-fastopen"):
		return status.Usagef("--tcp-fastopen is not for --starttls: TLS is not what is sent first")
	}
	p.inv.Starttls.Protocol = protocol
	names := p.inv.Trust.Names
	switch {
	case named && !dial.StarttlsTakesName(protocol):
		return status.Usagef("--starttls-name is for smtp, lmtp, xmpp and xmpp-server: with %s nobody is asked for a name", protocol)
	case named && !dial.IsStarttlsName(name):
		return status.Usagef("--starttls-name: %q is neither a host's name nor an address in brackets", status.Cut(name))
	case named:
		p.inv.Starttls.Name = name
	case !strings.HasPrefix(protocol, "xmpp"):
	case len(names) == 0:
		return status.Usagef("--starttls %s needs --name, for the server's domain", protocol)
	default:
		p.inv.Starttls.Name = names[0].Host()
	}
	return nil
}
