package dial

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// split takes HOST:PORT apart.
func split(address string) (host string, port uint16, err error) {
	host, service, err := net.SplitHostPort(address)
	if err == nil && host == "" {
		err = errors.New("no host")
	}
	if err != nil {
		return "", 0, &Error{address, err}
	}
	number, err := net.LookupPort("tcp", service)
	if err != nil {
		return "", 0, &Error{address, errors.New("no such port")}
	}
	return host, uint16(number), nil
}

func join(host string, port uint16) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// An answer is what one look-up of a name has brought.
type answer struct {
	network string // ip4 or ip6
	addrs   []netip.Addr
	err     error
}

// ask looks a name up, in both address families at once and independently
// where network allows both (RFC 8305, section 3), and returns how many
// answers will come. An address is its own answer.
func (d *dialer) ask(ctx context.Context, network, host string) (answers <-chan answer, n int) {
	queries := []string{"ip6", "ip4"}
	switch network {
	case "tcp4":
		queries = queries[1:]
	case "tcp6":
		queries = queries[:1]
	}
	found := make(chan answer, len(queries)) // nobody need wait for them
	if addr, err := netip.ParseAddr(host); err == nil {
		found <- literal(addr.Unmap(), queries)
		return found, 1
	}
	if belowLocalhost(host) {
		for _, query := range queries {
			found <- answer{query, []netip.Addr{loopback(query)}, nil}
		}
		return found, len(queries)
	}
	for _, query := range queries {
		go func() { found <- d.query(ctx, query, host, len(queries) == 1) }()
	}
	return found, len(queries)
}

// belowLocalhost tells whether a name is below localhost, and so this machine's,
// whatever DNS says, which is not even to be asked (RFC 6761, section 6.3). So is
// localhost itself with a trailing dot, by which no hosts file has it.
func belowLocalhost(host string) bool {
	host = strings.ToLower(host)
	return host == "localhost." || strings.HasSuffix(strings.TrimSuffix(host, "."), ".localhost")
}

// lookup is a dialer's lookup. Where localhost is may be in a hosts file, and where it is
// not, as in a container that has none, the DNS is not asked either.
func lookup(ctx context.Context, network, host string) ([]netip.Addr, error) {
	if !strings.EqualFold(host, "localhost") {
		return net.DefaultResolver.LookupNetIP(ctx, network, host)
	}
	files := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("localhost is nothing of the DNS")
	}}
	addrs, err := files.LookupNetIP(ctx, network, host)
	if _, unknown := errors.AsType[*net.DNSError](err); unknown {
		return []netip.Addr{loopback(network)}, nil
	}
	return addrs, err
}

func loopback(network string) netip.Addr {
	if network == "ip6" {
		return netip.IPv6Loopback()
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

// zoneFault is what is wrong with a link-local address's interface, which the
// system would only call an invalid argument.
func zoneFault(addr netip.Addr) error {
	switch zone := addr.Zone(); {
	case !addr.Is6() || !addr.IsLinkLocalUnicast():
		return nil
	case zone == "":
		return errors.New("a link-local address needs its interface, as in fe80::1%eth0")
	default:
		if _, err := strconv.Atoi(zone); err == nil {
			return nil
		}
		if _, err := net.InterfaceByName(zone); err != nil {
			return errors.New("there is no interface " + zone)
		}
	}
	return nil
}

func literal(addr netip.Addr, queries []string) answer {
	network := "ip6"
	if addr.Is4() {
		network = "ip4"
	}
	if slices.Contains(queries, network) {
		return answer{network, []netip.Addr{addr}, nil}
	}
	return answer{network, nil, &Error{addr.String(), errors.New("not an " + familyName(queries[0]) + " address")}}
}

func familyName(network string) string { return "IPv" + strings.TrimPrefix(network, "ip") }

// query asks for one family's addresses, the only ones that are wanted or not.
func (d *dialer) query(ctx context.Context, network, host string, only bool) answer {
	addrs, err := d.lookup(ctx, network, host)
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	var dns *net.DNSError
	switch {
	case err == nil && len(addrs) > 0:
		return answer{network, addrs, nil}
	case errors.As(err, &dns) && dns.IsNotFound && only: // which it may be with an address of the other family
		of := *dns
		of.Err += " with an " + familyName(network) + " address"
		return answer{network, nil, &NameError{&of}}
	case errors.As(err, &dns):
		return answer{network, nil, &NameError{dns}}
	}
	// Package net has another error for a name whose addresses, in a hosts
	// file, are all of the other family.
	return answer{network, nil, &NameError{&net.DNSError{Err: "no " + familyName(network) + " address", Name: host, IsNotFound: true}}}
}

// worse chooses the one of two look-ups' errors that says more: that a name is
// not there says less than that nobody could be asked.
func worse(a, b error) error {
	var dns *net.DNSError
	if a == nil || errors.As(a, &dns) && dns.IsNotFound {
		return b
	}
	return a
}

// resolve gives all of a name's addresses, in the order in which to try them.
func (d *dialer) resolve(ctx context.Context, network, host string) ([]netip.Addr, error) {
	answers, n := d.ask(ctx, network, host)
	var q queue
	var err error
	for range n {
		select {
		case a := <-answers:
			q.add(a.addrs)
			if a.err != nil {
				err = worse(err, a.err)
			}
		case <-ctx.Done():
			return nil, late(ctx, toLookUp(host))
		}
	}
	var list []netip.Addr
	for addr, ok := q.next(); ok; addr, ok = q.next() {
		list = append(list, addr)
	}
	if len(list) == 0 {
		return nil, err
	}
	return list, nil
}

// queue has the addresses that are still to be tried. It gives IPv6 first and
// then alternates (RFC 8305, section 4, with a First Address Family Count of
// 1). Within a family it keeps the resolver's order, which is RFC 6724's. Over
// both together that cannot be had before both answers are there; what it
// would put last, a family without a route, fails at once.
type queue struct {
	v6, v4 []netip.Addr
	last4  bool // the last one was IPv4
	begun  bool
}

func (q *queue) add(addrs []netip.Addr) {
	for _, addr := range addrs {
		if addr.Is4() {
			q.v4 = append(q.v4, addr)
		} else {
			q.v6 = append(q.v6, addr)
		}
	}
}

func (q *queue) next() (netip.Addr, bool) {
	from := &q.v6
	if len(q.v6) == 0 || len(q.v4) > 0 && q.begun && !q.last4 {
		from = &q.v4
	}
	if len(*from) == 0 {
		return netip.Addr{}, false
	}
	addr := (*from)[0]
	*from = (*from)[1:]
	q.begun, q.last4 = true, from == &q.v4
	return addr, true
}

func (q *queue) empty() bool { return len(q.v6)+len(q.v4) == 0 }
