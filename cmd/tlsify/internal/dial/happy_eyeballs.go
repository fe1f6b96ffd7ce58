package dial

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"
)

// The delays of RFC 8305, section 8. A net.Dialer would not do: it tries the
// addresses of one family one after another, each for its share of the time
// that is left, and waits for both families' addresses before it begins.
const (
	// resolutionDelay is how long IPv4 addresses wait for IPv6 ones.
	resolutionDelay = 50 * time.Millisecond
	// attemptDelay is how long after an attempt the next one begins.
	attemptDelay = 250 * time.Millisecond
)

// race connects to host by RFC 8305: whichever address answers first. It ends
// with an error of ctx's when ctx does.
func (d *dialer) race(ctx context.Context, network, host string, port uint16) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers, n := d.ask(ctx, network, host)
	r := &race{
		connect:  d.connect,
		from:     d.from,
		port:     port,
		answers:  answers,
		waiting:  n,
		finished: make(chan attempt),
		next:     time.NewTimer(time.Hour),
		mayBegin: true,
	}
	defer r.next.Stop()
	conn, err := r.run(ctx)
	if failed := r.failures; err == errNone && len(failed) > 0 {
		return nil, failed.together(join(host, port))
	} else if err == errNone {
		return nil, r.lookupErr // without any address there is one
	}
	return conn, err
}

// errNone is how run says that all attempts, if any, have failed.
var errNone = errors.New("no address is left")

// race is one race under way. All of it belongs to run.
type race struct {
	connect func(context.Context, netip.AddrPort, socketOptions) (net.Conn, error)
	from    netip.AddrPort
	port    uint16

	answers  <-chan answer
	waiting  int // for so many of them
	queue    queue
	finished chan attempt
	running  int

	next     *time.Timer // when the next attempt may begin
	mayBegin bool        // it may begin now

	failures  attempts
	lookupErr error
}

// attempt is how one attempt ended.
type attempt struct {
	to   netip.AddrPort
	conn net.Conn
	err  error
}

// run returns the first connection, or errNone, or ctx's error.
func (r *race) run(ctx context.Context) (net.Conn, error) {
	for {
		if r.mayBegin {
			r.begin(ctx)
		}
		if r.running == 0 && r.waiting == 0 && r.queue.empty() {
			return nil, errNone
		}
		select {
		case a := <-r.answers:
			r.learn(a)
		case a := <-r.finished:
			r.running--
			if a.err == nil {
				return a.conn, nil
			}
			r.failures = append(r.failures, plain(a.err, a.to.String()))
			r.mayBegin = true
		case <-r.next.C:
			r.mayBegin = true
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// learn takes one family's addresses. IPv4 ones that come first wait a little
// for the others.
func (r *race) learn(a answer) {
	r.waiting--
	r.queue.add(a.addrs)
	if a.err != nil {
		r.lookupErr = worse(r.lookupErr, a.err)
	}
	if r.queue.begun {
		return
	}
	r.mayBegin = a.network == "ip6" || r.waiting == 0
	if !r.mayBegin {
		r.next.Reset(resolutionDelay)
	}
}

// begin starts the next attempt, if there is an address for it.
func (r *race) begin(ctx context.Context) {
	addr, ok := r.queue.next()
	if !ok {
		return
	}
	r.mayBegin = false
	r.next.Reset(attemptDelay)
	r.running++
	go func() {
		a := attempt{to: netip.AddrPortFrom(addr, r.port)}
		a.conn, a.err = r.connect(ctx, a.to, socketOptions{from: r.from})
		select {
		case r.finished <- a:
		case <-ctx.Done(): // another one has won, or it is too late
			if a.err == nil {
				a.conn.Close()
			}
		}
	}()
}
