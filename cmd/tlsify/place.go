package main

import (
	"cmp"
	"net"
	"net/url"
	"strconv"
	"strings"

	"tlsify/cmd/tlsify/internal/descriptor"
	"tlsify/cmd/tlsify/internal/dial"
	"tlsify/cmd/tlsify/internal/option"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/verify"
)

// place reads where the peer is: HOST:PORT, unix:PATH, or the address to
// listen on. HOST becomes the name to accept and to send, unless options say
// otherwise.
func (p *parser) place() error {
	rest, w := p.words.Rest, p.words
	given := p.inv.network != nil
	var err error
	switch {
	case given && len(rest) > 0:
		return status.Usagef("unexpected argument %q: the network is --net-fd", status.Cut(rest[0]))
	case given && (w.Has("proxy") || w.Has("tcp-fastopen")):
		return status.Usagef("--proxy and --tcp-fastopen are for dialling, and the network is --net-fd")
	case given:
		return nil
	case w.Form == option.Listen && p.inv.prog == nil:
		return status.Usagef("listen needs a program behind --")
	case len(rest) == 0 && w.Form == option.Listen:
		p.inv.listen, err = p.givenSockets()
		return err
	case len(rest) == 0:
		return status.Usagef("connect needs HOST:PORT, or unix:PATH, or --net-fd; see tlsify help")
	case len(rest) > 1:
		return status.Usagef("unexpected argument %q", status.Cut(rest[1]))
	case w.Form == option.Listen:
		return p.listenAddress(rest[0])
	}
	if path, ok := strings.CutPrefix(rest[0], "unix:"); ok {
		if w.Has("proxy") || w.Has("tcp-fastopen") {
			return status.Usagef("--proxy and --tcp-fastopen are not for a unix socket")
		}
		p.inv.target = dial.Target{Network: "unix", Address: path}
		return nil
	}
	host, port, err := splitHostPort(rest[0])
	if err != nil {
		return err
	}
	p.inv.target = dial.Target{Network: "tcp", Address: net.JoinHostPort(host.dial, port)}
	switch four, six := w.Has("ipv4"), w.Has("ipv6"); {
	case four && six:
		return status.Usagef("-4 and -6 exclude each other")
	case four:
		p.inv.target.Network = "tcp4"
	case six:
		p.inv.target.Network = "tcp6"
	}
	if !w.Has("name") {
		w.Values["name"] = []string{host.name.String()}
	}
	p.inv.host = host.name
	p.inv.target.TCPFastOpen = w.Has("tcp-fastopen")
	if url, ok := w.Value("proxy"); ok {
		p.inv.target.Proxy, err = dial.ParseProxy(url, !w.Private["proxy"])
		if err != nil {
			return status.Usagef("--proxy: %v", err)
		}
	}
	return nil
}

// endpoint is a HOST: how to dial it, and what it is called.
type endpoint struct {
	dial string // in ASCII, with the zone of an address
	name verify.Name
}

// splitHostPort reads HOST:PORT.
func splitHostPort(s string) (host endpoint, port string, err error) {
	text, port, err := net.SplitHostPort(s)
	if url, urlErr := url.Parse(s); urlErr == nil && url.Host != "" {
		return host, "", status.Usagef("this is a URL: tlsify speaks no HTTP, and connects to %s", status.Cut(net.JoinHostPort(url.Hostname(), cmp.Or(url.Port(), "443"))))
	}
	if name, nameErr := verify.ParseName(s); nameErr == nil && name.IsDNS() {
		return host, "", status.Usagef("%q is not HOST:PORT: which port? That of HTTPS would be %s:443", status.Cut(s), status.Cut(s))
	}
	if err != nil || text == "" || port == "" {
		return host, "", status.Usagef("%q is not HOST:PORT (an IPv6 address stands in brackets)", status.Cut(s))
	}
	number, err := net.LookupPort("tcp", port)
	if err != nil || number == 0 {
		return host, "", status.Usagef("%q is not a port", status.Cut(port))
	}
	host.name, err = verify.ParseName(text)
	if err != nil {
		return host, "", status.Usagef("%v", err)
	}
	host.dial = text
	switch {
	case host.name.IsDNS():
		host.dial = host.name.String()
	case !host.name.IsIP():
		return host, "", status.Usagef("%q is neither a DNS name nor an address", status.Cut(text))
	}
	return host, strconv.Itoa(number), nil
}

// netFD claims the network's descriptors.
func (p *parser) netFD() error {
	value, ok := p.words.Value("net-fd")
	if !ok && p.words.Form == option.Accept {
		if p.inv.prog == nil {
			return status.Usagef("accept without a program needs --net-fd")
		}
		value, ok = "0", true
	}
	if !ok {
		return nil
	}
	a, b, err := descriptor.ParsePair("net-fd", value)
	if err != nil {
		return err
	}
	if taken := p.inv.prog == nil; taken && (a <= 2 || b >= 0 && b <= 2) || a == 1 || a == 2 || b == 2 {
		return status.Usagef("--net-fd: descriptors 0, 1 and 2 are the caller's")
	}
	in, out, err := p.fds.ClaimPair("net-fd", value, descriptor.ToRead)
	if err != nil {
		return err
	}
	p.inv.network = newNetwork(in, out)
	return nil
}

// plaintext claims descriptors 0 and 1 where the caller has the plaintext.
func (p *parser) plaintext() error {
	if value, ok := p.words.Value("handoff"); ok {
		return p.handoff(value)
	}
	if p.inv.prog != nil {
		return nil
	}
	for n, how := range []descriptor.Access{descriptor.ToRead, descriptor.ToWrite} {
		if err := descriptor.CheckAccess(n, how); err != "" {
			return status.Usagef("descriptor %d, which carries the plaintext, %s", n, err)
		}
	}
	return nil
}
