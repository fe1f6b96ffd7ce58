package dial

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Proxy is a proxy, and who we are to it. None of its texts has the user or
// the password in it.
type Proxy struct {
	// Scheme is the protocol: http for CONNECT (RFC 9110, section 9.3.6), https
	// for the same within TLS, socks5 (RFC 1928) for names that are resolved
	// here, socks5h for names that the proxy resolves.
	Scheme string
	// Host is a name in ASCII, or an address that may have a zone.
	Host string
	Port uint16

	user, password string
}

// ParseProxy reads SCHEME://[USER[:PASSWORD]@]HOST:PORT. Exposed tells that
// others can read the text where it came from, as they can arguments: a
// password is then an error. No error quotes the text.
//
// There is no default for the port, because programs disagree about it.
func ParseProxy(text string, exposed bool) (*Proxy, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	p := &Proxy{Scheme: strings.ToLower(scheme)}
	switch p.Scheme {
	case "http", "https", "socks5", "socks5h":
	default:
		ok = false
	}
	if !ok {
		return nil, errors.New("a proxy begins with http://, https://, socks5:// or socks5h://")
	}
	rest = strings.TrimSuffix(rest, "/")
	if strings.ContainsAny(rest, "/?#") {
		return nil, errors.New("a proxy has no path, and /, ? and # in a password are written %2F, %3F and %23")
	}
	// A password may have a @ in it that should have been %40; a host has none.
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		user, password, given := strings.Cut(rest[:at], ":")
		rest = rest[at+1:]
		if given && exposed {
			return nil, errors.New("the proxy's password does not belong where others can read it: give the option by --options-fd")
		}
		if err := p.setUser(user, password); err != nil {
			return nil, err
		}
	}
	if err := p.setAddress(rest); err != nil {
		return nil, err
	}
	return p, nil
}

// setUser takes the percent-encoded user and password.
func (p *Proxy) setUser(user, password string) error {
	user, err := url.PathUnescape(user)
	if err == nil {
		password, err = url.PathUnescape(password)
	}
	switch {
	case err != nil:
		return errors.New("a % in the proxy's user or password is not followed by two hexadecimal digits; % itself is written %25")
	case user == "" && password != "":
		return errors.New("the proxy's password is without a user")
	}
	p.user = user
	return p.SetPassword(password)
}

// SetPassword sets the password that goes with the user, who must be there.
func (p *Proxy) SetPassword(password string) error {
	isControl := func(r rune) bool { return r < ' ' || r == 0x7f }
	switch {
	case p.user == "" && password != "":
		return errors.New("the proxy's URL has no user for the password")
	case strings.ContainsFunc(p.user, isControl), strings.ContainsFunc(password, isControl):
		// RFC 7617, section 2.
		return errors.New("the proxy's user or password has a control character in it")
	case !p.isSOCKS() && strings.Contains(p.user, ":"):
		return errors.New("a user of an HTTP proxy cannot have a colon in it")
	case len(p.user) > 255 || len(password) > 255:
		// RFC 1929, section 2; for HTTP it is as good a limit as any.
		return errors.New("the proxy's user or password is longer than 255 bytes")
	}
	p.password = password
	return nil
}

// setAddress takes HOST:PORT.
func (p *Proxy) setAddress(text string) error {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return errors.New("the proxy's address is not HOST:PORT (an IPv6 address stands in brackets)")
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 {
		return errors.New("the proxy's port is not a number from 1 to 65535")
	}
	p.Port = uint16(number)
	if strings.HasPrefix(text, "[") {
		// A zone's % is %25 in a URL (RFC 6874), but people don't know that.
		p.Host = strings.Replace(host, "%25", "%", 1)
		if addr, err := netip.ParseAddr(p.Host); err != nil || !addr.Is6() || strings.ContainsFunc(addr.Zone(), notInName) {
			return errors.New("what stands in brackets in the proxy's address is not an IPv6 address")
		}
		return nil
	}
	p.Host = host
	if host == "" || len(host) > 253 || strings.ContainsFunc(host, notInName) {
		return errors.New("the proxy's host is neither a name, in ASCII, nor an address")
	}
	return nil
}

func notInName(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._", r))
}

// String is the proxy's URL without the user.
func (p *Proxy) String() string {
	return p.Scheme + "://" + strings.Replace(p.address(), "%", "%25", 1)
}

// Format keeps the password out of every text.
func (p *Proxy) Format(f fmt.State, _ rune) { f.Write([]byte(p.String())) }

func (p *Proxy) address() string { return join(p.Host, p.Port) }
func (p *Proxy) isSOCKS() bool   { return strings.HasPrefix(p.Scheme, "socks") }

// name is the host as a certificate has it.
func (p *Proxy) name() string {
	name, _, _ := strings.Cut(p.Host, "%")
	return name
}
