package invocation

import (
	"cmp"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/dial"
	"tlsify/cmd/tlsify/internal/option"
	"tlsify/cmd/tlsify/internal/process"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/verify"
)

// oneWay is for who has not said --net-fd, and is started by a program that has a
// pipe for each direction, as ncat -e.
const oneWay = "accept takes descriptor 0 for the network, and it is not open to read and to write; where the network is two pipes give --net-fd 0,1"

// network claims the network's descriptors.
func (p *parser) network() error {
	value, ok := p.words.Value("net-fd")
	if !ok && p.words.Form == option.Accept {
		if p.words.Prog == nil {
			return status.Usagef("accept without a program needs --net-fd")
		}
		p.inv.Network = []int{0}
		return p.Claims.ClaimOr(oneWay, 0, "net-fd", process.ToRead|process.ToWrite)
	}
	if !ok {
		return nil
	}
	a, b, err := process.ParsePair("net-fd", value)
	if err != nil {
		return err
	}
	if taken := p.words.Prog == nil; taken && (a <= 2 || b >= 0 && b <= 2) || a == 1 || a == 2 || b == 2 {
		return status.Usagef("--net-fd: descriptors 0, 1 and 2 are the caller's")
	}
	if a, b, err = p.Claims.ClaimPair("net-fd", value, process.ToRead); err != nil {
		return err
	}
	p.inv.Network = []int{a}
	if b >= 0 {
		p.inv.Network = append(p.inv.Network, b)
	}
	return nil
}

// place reads where the peer is: HOST:PORT, unix:PATH, or the address to
// listen on.
func (p *parser) place() (err error) {
	rest, w := p.words.Rest, p.words
	given := p.inv.Network != nil
	switch {
	case given && len(rest) > 0:
		return status.Usagef("unexpected argument %q: the network is --net-fd", status.Cut(rest[0]))
	case given:
		return p.without("for dialling, and the network is --net-fd", "proxy", "tcp-fastopen", "connect-timeout", "ipv4", "ipv6")
	case w.Form == option.Listen && w.Prog == nil:
		return status.Usagef("listen needs a program behind --")
	case len(rest) == 0 && w.Form == option.Listen:
		p.inv.Listen.Target, err = p.givenSockets()
		return err
	case len(rest) == 0:
		return status.Usagef("HOST:PORT is missing, or unix:PATH, or --net-fd; see tlsify help")
	case len(rest) == 2 && isNumber(rest[1]) && !strings.Contains(rest[0], ":"):
		return status.Usagef("HOST:PORT is one word: %s:%s", status.Cut(rest[0]), status.Cut(rest[1]))
	case slices.ContainsFunc(rest, isSocats):
		return status.Usagef("%q is an address of socat's: here it is HOST:PORT alone, with the options before it; a server is tlsify listen", status.Cut(rest[slices.IndexFunc(rest, isSocats)]))
	case !strings.Contains(rest[0], ":") && (len(rest) > 1 || !w.Named && option.NearForm(rest[0]) != ""):
		return status.Usagef("%s", option.NoForm(rest[0]))
	case len(rest) > 1 && w.Prog == nil && p.inv.Inspect == "":
		return status.Usagef("unexpected argument %q: a program stands behind --", status.Cut(rest[1]))
	case len(rest) > 1:
		return status.Usagef("unexpected argument %q", status.Cut(rest[1]))
	case w.Form == option.Listen:
		p.inv.Listen.Target, err = p.listenAddress(rest[0])
		return err
	}
	if path, ok := strings.CutPrefix(rest[0], "unix:"); ok {
		if err := checkPath(path); err != nil {
			return err
		}
		p.inv.Target = dial.Target{Network: "unix", Address: path}
		return p.without("not for a unix socket", "proxy", "tcp-fastopen", "ipv4", "ipv6")
	}
	return p.dialling(rest[0])
}

// checkPath refuses a path that no unix socket can have. One that begins with @ is
// an abstract address, whose name needs no end.
func checkPath(path string) error {
	most := len(unix.RawSockaddrUnix{}.Path)
	if !strings.HasPrefix(path, "@") {
		most--
	}
	if path == "" || len(path) > most {
		return status.Usagef("unix:%s: the path of a unix socket has 1 to %d bytes", status.Cut(path), most)
	}
	return nil
}

// without refuses options that would have no part in it.
func (p *parser) without(why string, names ...string) error {
	for _, name := range names {
		if p.words.Has(name) {
			return status.Usagef("--%s is %s", name, why)
		}
	}
	return nil
}

// dialling reads what there is on dialling HOST:PORT.
func (p *parser) dialling(address string) error {
	w, target := p.words, &p.inv.Target
	host, port, err := splitHostPort(address)
	if err != nil {
		return err
	}
	*target = dial.Target{Network: "tcp", Address: net.JoinHostPort(host.dial, port), TCPFastOpen: w.Has("tcp-fastopen"), From: p.Bind}
	switch four, six := w.Has("ipv4"), w.Has("ipv6"); {
	case four && six:
		return status.Usagef("-4 and -6 exclude each other")
	case four:
		target.Network = "tcp4"
	case six:
		target.Network = "tcp6"
	}
	p.inv.Host = host.name
	if url, ok := w.Value("proxy"); ok {
		target.Proxy, err = dial.ParseProxy(url, !w.Private["proxy"])
		if err != nil {
			return status.Usagef("--proxy: %v", err)
		}
	}
	return nil
}

// isSocats is whether a word is an address of socat's, of which a command has two.
func isSocats(s string) bool {
	kind, rest, ok := strings.Cut(strings.ToLower(s), ":")
	return ok && strings.HasPrefix(kind, "openssl") && strings.ContainsAny(rest, ":,")
}

// isNumber is whether a word looks like a port's number.
func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

// split takes HOST:PORT apart. Brackets are an IPv6 address's alone.
func split(s string) (host, port string, err error) {
	host, port, err = net.SplitHostPort(s)
	if err == nil && strings.HasPrefix(s, "[") && !strings.Contains(host, ":") {
		err = &net.AddrError{Err: "brackets without an IPv6 address", Addr: s}
	}
	return host, port, err
}

// noPlace is the error of what is not HOST:PORT, or a HOST alone.
func noPlace(s string) error {
	host, _, err := split(strings.TrimSuffix(s, ":") + ":443")
	if name, nameErr := verify.ParseName(host); err == nil && nameErr == nil && (name.IsDNS() || name.IsIP()) {
		return status.Usagef("%q is not HOST:PORT: which port? That of HTTPS would be %s", status.Cut(s), status.Cut(net.JoinHostPort(host, "443")))
	}
	if strings.HasPrefix(s, "/") {
		return status.Usagef("%q is not HOST:PORT: a socket in the file system is unix:%s", status.Cut(s), status.Cut(s))
	}
	return status.Usagef("%q is not HOST:PORT (an IPv6 address stands in brackets)", status.Cut(s))
}

// ofURL is the place that a URL names, with its scheme or from its host on, or nothing
// where s is no URL. Without a port it is that of the scheme, where this has TLS from the
// start and a name of a service's, as imaps, and else that of HTTPS.
func ofURL(s string) string {
	if !strings.Contains(s, "/") || s[0] == '/' { // a path
		return ""
	}
	if !strings.Contains(s, "//") {
		s = "//" + s
	}
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	if _, err := verify.ParseName(u.Hostname()); err != nil {
		return ""
	}
	port := "443"
	if strings.HasSuffix(u.Scheme, "s") {
		if n, err := portNumber(u.Scheme); err == nil {
			port = strconv.Itoa(n)
		}
	}
	return status.Cut(net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), port)))
}

// portNumber is the number that a port's or a service's name stands for. A sign is part
// of neither.
func portNumber(s string) (int, error) {
	if strings.HasPrefix(s, "+") || strings.HasPrefix(s, "-") {
		return 0, &net.AddrError{Err: "unknown port", Addr: s}
	}
	return net.LookupPort("tcp", s)
}

// endpoint is a HOST: how to dial it, and what it is called.
type endpoint struct {
	dial string // in ASCII, with the zone of an address
	name verify.Name
}

// splitHostPort reads HOST:PORT.
func splitHostPort(s string) (host endpoint, port string, err error) {
	text, port, err := split(s)
	if place := ofURL(s); place != "" {
		return host, "", status.Usagef("this is a URL: tlsify speaks TLS alone, and connects to %s", place)
	}
	switch {
	case err != nil || port == "":
		return host, "", noPlace(s)
	case text == "":
		return host, "", status.Usagef("%q is not HOST:PORT: which host? This machine would be localhost:%s", status.Cut(s), status.Cut(port))
	}
	number, err := portNumber(port)
	if err != nil || number == 0 {
		return host, "", status.Usagef("%q is not a port", status.Cut(port))
	}
	host, err = parseHost(text)
	return host, strconv.Itoa(number), err
}

// parseHost reads HOST.
func parseHost(text string) (host endpoint, err error) {
	host.name, err = verify.ParseName(text)
	if err != nil {
		return host, status.Usagef("%v", err)
	}
	host.dial = text
	switch {
	case host.name.IsDNS() && strings.HasSuffix(text, "."):
		host.dial = host.name.String() + "." // of which no domain is searched (resolv.conf(5))
	case host.name.IsDNS():
		host.dial = host.name.String()
	case !host.name.IsIP():
		return host, status.Usagef("%q is neither a DNS name nor an address", status.Cut(text))
	}
	return host, nil
}
