package dial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fakeConn notes that it was closed.
type fakeConn struct {
	net.Conn
	address string
	close   func()
}

func (c *fakeConn) Close() error { c.close(); return nil }

// behaviour is how a look-up or an address behaves: after a time, in
// milliseconds, it answers, or fails.
type behaviour struct {
	after int
	fails bool
}

const never = 1 << 30

var errScripted = errors.New("scripted failure")

// network is a scripted world, whose clock is synctest's.
type network struct {
	start   time.Time
	lookups map[string]behaviour // ip4, ip6
	addrs   map[string]behaviour // in the resolver's order: v6a, v6b, ..., v4a, v4b, ...

	mu     sync.Mutex
	log    []string // attempts, with their time
	opened int
	closed int
}

var (
	names = map[string]netip.Addr{
		"v6a": netip.MustParseAddr("2001:db8::a"), "v6b": netip.MustParseAddr("2001:db8::b"), "v6c": netip.MustParseAddr("2001:db8::c"),
		"v4a": netip.MustParseAddr("192.0.2.10"), "v4b": netip.MustParseAddr("192.0.2.11"), "v4c": netip.MustParseAddr("192.0.2.12"),
	}
)

func (b behaviour) wait(ctx context.Context) error {
	select {
	case <-time.After(time.Duration(b.after) * time.Millisecond):
	case <-ctx.Done():
		return ctx.Err()
	}
	if b.fails {
		return errScripted
	}
	return nil
}

func (n *network) lookup(ctx context.Context, network, host string) ([]netip.Addr, error) {
	if err := n.lookups[network].wait(ctx); err != nil {
		return nil, &net.DNSError{Err: err.Error(), Name: host, IsNotFound: true}
	}
	var list []netip.Addr
	for _, letter := range []string{"a", "b", "c"} {
		name := "v" + network[2:] + letter
		if _, ok := n.addrs[name]; ok {
			list = append(list, names[name])
		}
	}
	if list == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return list, nil
}

func (n *network) connect(ctx context.Context, to netip.AddrPort, _ socketOptions) (net.Conn, error) {
	var name string
	for candidate, addr := range names {
		if addr == to.Addr() {
			name = candidate
		}
	}
	n.mu.Lock()
	n.log = append(n.log, fmt.Sprintf("%s@%d", name, time.Since(n.start).Milliseconds()))
	n.mu.Unlock()
	if err := n.addrs[name].wait(ctx); err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.opened++
	return &fakeConn{address: name, close: func() { n.mu.Lock(); n.closed++; n.mu.Unlock() }}, nil
}

var races = []struct {
	name     string
	network  string
	lookups  map[string]behaviour
	addrs    map[string]behaviour
	attempts string
	winner   string // with its time; or how it failed
}{
	{
		name:  "IPv6 comes first",
		addrs: map[string]behaviour{"v6a": {after: 20}, "v4a": {after: 5}}, attempts: "v6a@0", winner: "v6a@20",
	}, {
		name:  "a black-holed IPv6 costs 250 ms",
		addrs: map[string]behaviour{"v6a": {after: never}, "v4a": {after: 20}}, attempts: "v6a@0 v4a@250", winner: "v4a@270",
	}, {
		name:  "a slow first still wins where the second is slower",
		addrs: map[string]behaviour{"v6a": {after: 300}, "v4a": {after: 100}}, attempts: "v6a@0 v4a@250", winner: "v6a@300",
	}, {
		name:     "families alternate",
		addrs:    map[string]behaviour{"v6a": {after: never}, "v6b": {after: never}, "v6c": {after: 10}, "v4a": {after: never}, "v4b": {after: never}},
		attempts: "v6a@0 v4a@250 v6b@500 v4b@750 v6c@1000", winner: "v6c@1010",
	}, {
		name:     "a name with IPv6 addresses alone has all of them tried",
		addrs:    map[string]behaviour{"v6a": {after: never}, "v6b": {after: 10}},
		attempts: "v6a@0 v6b@250", winner: "v6b@260",
	}, {
		name:     "a failure is followed at once",
		addrs:    map[string]behaviour{"v6a": {after: 10, fails: true}, "v4a": {after: 0, fails: true}, "v6b": {after: 5}},
		attempts: "v6a@0 v4a@10 v6b@10", winner: "v6b@15",
	}, {
		name:     "an older attempt's failure also lets the next begin",
		addrs:    map[string]behaviour{"v6a": {after: 260, fails: true}, "v4a": {after: never}, "v6b": {after: 5}},
		attempts: "v6a@0 v4a@250 v6b@260", winner: "v6b@265",
	}, {
		name:     "dead first addresses of one family",
		network:  "tcp4",
		addrs:    map[string]behaviour{"v6a": {}, "v4a": {after: never}, "v4b": {after: 1, fails: true}, "v4c": {after: 7}},
		attempts: "v4a@0 v4b@250 v4c@251", winner: "v4c@258",
	}, {
		name:     "IPv4 addresses wait 50 ms for IPv6 ones",
		lookups:  map[string]behaviour{"ip4": {after: 10}, "ip6": {after: 40}},
		addrs:    map[string]behaviour{"v6a": {after: 10}, "v4a": {}},
		attempts: "v6a@40", winner: "v6a@50",
	}, {
		name:     "and no longer",
		lookups:  map[string]behaviour{"ip4": {after: 10}, "ip6": {after: 100}},
		addrs:    map[string]behaviour{"v6a": {after: 10}, "v4a": {after: 300}},
		attempts: "v4a@60 v6a@310", winner: "v6a@320",
	}, {
		name:     "a resolver that answers for IPv4 only",
		lookups:  map[string]behaviour{"ip6": {after: never}},
		addrs:    map[string]behaviour{"v4a": {after: 10}},
		attempts: "v4a@50", winner: "v4a@60",
	}, {
		name:     "IPv6 addresses do not wait",
		lookups:  map[string]behaviour{"ip4": {after: never}},
		addrs:    map[string]behaviour{"v6a": {after: 10}},
		attempts: "v6a@0", winner: "v6a@10",
	}, {
		name:     "addresses that come late are tried at once where it is their time",
		lookups:  map[string]behaviour{"ip4": {after: 500}},
		addrs:    map[string]behaviour{"v6a": {after: 10, fails: true}, "v4a": {after: 10}},
		attempts: "v6a@0 v4a@500", winner: "v4a@510",
	}, {
		name:     "no IPv6 address: no waiting",
		lookups:  map[string]behaviour{"ip4": {after: 10}, "ip6": {after: 5, fails: true}},
		addrs:    map[string]behaviour{"v4a": {after: 10}},
		attempts: "v4a@10", winner: "v4a@20",
	}, {
		name:     "all fail",
		addrs:    map[string]behaviour{"v6a": {after: 300, fails: true}, "v4a": {after: 10, fails: true}},
		attempts: "v6a@0 v4a@250",
		winner:   "a.test:443: no address answers: 192.0.2.10:443: scripted failure; [2001:db8::a]:443: scripted failure",
	}, {
		name:    "no address at all",
		lookups: map[string]behaviour{"ip4": {after: 10, fails: true}, "ip6": {after: 20, fails: true}},
		winner:  "cannot look up a.test: scripted failure",
	}, {
		name:     "the time limit",
		addrs:    map[string]behaviour{"v6a": {after: never}, "v4a": {after: never}},
		attempts: "v6a@0 v4a@250",
		winner:   "too late: no answer from [2001:db8::a]:443, 192.0.2.10:443",
	}, {
		name:    "the time limit while it resolves",
		lookups: map[string]behaviour{"ip4": {after: never}, "ip6": {after: never}},
		winner:  "too late: no answer to the look-up of a.test",
	},
}

func TestHappyEyeballs(t *testing.T) {
	for _, test := range races {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &network{start: time.Now(), lookups: test.lookups, addrs: test.addrs}
				d := &dialer{lookup: n.lookup, connect: n.connect}
				ctx, cancel := context.WithTimeoutCause(context.Background(), 5*time.Second, errors.New("too late"))
				defer cancel()
				family := test.network
				if family == "" {
					family = "tcp"
				}
				won, err := d.race(ctx, family, "a.test", 443)
				var ended string
				switch {
				case err == nil:
					ended = fmt.Sprintf("%s@%d", won.conn.(*fakeConn).address, time.Since(n.start).Milliseconds())
				default:
					ended = err.Error()
				}
				if diff := cmp.Diff(test.winner, ended); diff != "" {
					t.Error("the end: " + diff)
				}
				synctest.Wait()
				n.mu.Lock()
				defer n.mu.Unlock()
				if diff := cmp.Diff(test.attempts, strings.Join(n.log, " ")); diff != "" {
					t.Error("the attempts: " + diff)
				}
				if kept := n.opened - n.closed; err == nil && kept != 1 || err != nil && kept != 0 {
					t.Errorf("%d connections are left open", kept)
				}
			})
		})
	}
}

// Where two attempts succeed at the same moment, one of them is closed.
func TestHappyEyeballsClosesTheLoser(t *testing.T) {
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			n := &network{start: time.Now(), addrs: map[string]behaviour{"v6a": {after: 260}, "v4a": {after: 10}}}
			d := &dialer{lookup: n.lookup, connect: n.connect}
			if _, err := d.race(context.Background(), "tcp", "a.test", 443); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if n.opened-n.closed != 1 {
				t.Errorf("%d opened, %d closed", n.opened, n.closed)
			}
		})
	}
}

// A real dead first address: nothing listens there.
func TestDeadFirstAddress(t *testing.T) {
	port := serve(t, "127.0.0.3:0", echo)
	d := dialerWith(hosts{"a.test": "::1 127.0.0.2 127.0.0.3"})
	for _, fast := range []bool{false, true} {
		var dialed []string
		s, err := d.dial(within(t, patience), Target{Network: "tcp", Address: "a.test:" + port, TCPFastOpen: fast,
			Dialed: func(a string) { dialed = append(dialed, a) }})
		if err != nil {
			t.Fatal(err)
		}
		defer s.FD.Close()
		echoes(t, s.Conn)
		if diff := cmp.Diff([]string{"127.0.0.3:" + port}, dialed); diff != "" {
			t.Error(diff)
		}
	}
}
