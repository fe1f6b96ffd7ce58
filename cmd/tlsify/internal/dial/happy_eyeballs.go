package dial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
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
func (d *dialer) race(ctx context.Context, network, host string, port uint16) (attempt, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers, n := d.ask(ctx, network, host)
	r := &race{
		connect:  d.connect,
		from:     d.from,
		host:     host,
		port:     port,
		answers:  answers,
		waiting:  n,
		finished: make(chan attempt),
		mayBegin: true,
	}
	won, err := r.run(ctx)
	if r.timer != nil {
		r.timer.Stop()
	}
	if failed := r.failures; err == errNone && len(failed) > 0 {
		return won, failed.together(join(host, port))
	} else if err == errNone {
		return won, r.lookupErr // without any address there is one
	}
	return won, err
}

// errNone is how run says that all attempts, if any, have failed.
var errNone = errors.New("no address is left")

// race is one race under way. All of it belongs to run.
type race struct {
	connect func(context.Context, netip.AddrPort, socketOptions) (net.Conn, error)
	from    netip.AddrPort
	host    string
	port    uint16

	answers  <-chan answer
	waiting  int // for so many of them
	queue    queue
	finished chan attempt
	running  int

	timer    *time.Timer      // nil until there is something to wait for
	next     <-chan time.Time // when the next attempt may begin
	mayBegin bool             // it may begin now

	begun     []netip.AddrPort // all attempts
	failures  attempts
	lookupErr error
}

// attempt is how one attempt ended.
type attempt struct {
	to   netip.AddrPort
	conn net.Conn
	err  error
}

// run returns the first connection, or errNone, or that it is late.
func (r *race) run(ctx context.Context) (attempt, error) {
	for {
		if r.mayBegin {
			if addr, ok := r.queue.next(); ok && r.isLast() {
				if a := r.attempt(ctx, r.at(addr)); r.ended(ctx, a) {
					return a, nil
				}
			} else if ok {
				r.begin(ctx, addr)
			}
		}
		if expired(ctx) {
			return attempt{}, late(ctx, r.lacks())
		}
		if r.isLast() {
			return attempt{}, errNone
		}
		select {
		case a := <-r.answers:
			r.learn(a)
		case a := <-r.finished:
			r.running--
			if r.ended(ctx, a) {
				return a, nil
			}
			r.mayBegin = true
		case <-r.next:
			r.mayBegin = true
		case <-ctx.Done():
		}
	}
}

// isLast tells whether nothing more is to come than what is being done.
func (r *race) isLast() bool { return r.running == 0 && r.waiting == 0 && r.queue.empty() }

// ended tells whether an attempt is the one that won. The failure of another is
// kept, unless the end of ctx is all that was wrong.
func (r *race) ended(ctx context.Context, a attempt) bool {
	if a.err != nil && !expired(ctx) {
		r.failures = append(r.failures, plain(a.err, a.to.String()))
	}
	return a.err == nil
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
		r.wait(resolutionDelay)
	}
}

// wait has the next attempt begin no sooner than after d.
func (r *race) wait(d time.Duration) {
	if r.timer == nil {
		r.timer = time.NewTimer(d)
		r.next = r.timer.C
		return
	}
	r.timer.Reset(d)
}

// begin starts an attempt beside which others may begin. The last one that there
// is needs no goroutine.
func (r *race) begin(ctx context.Context, addr netip.Addr) {
	r.mayBegin = false
	r.wait(attemptDelay)
	r.running++
	to := r.at(addr)
	go func() {
		a := r.attempt(ctx, to)
		select {
		case r.finished <- a:
		case <-ctx.Done(): // another one has won, or it is too late
			if a.err == nil {
				a.conn.Close()
			}
		}
	}()
}

// at is where to attempt to connect to addr, which it notes.
func (r *race) at(addr netip.Addr) netip.AddrPort {
	to := netip.AddrPortFrom(addr, r.port)
	r.begun = append(r.begun, to)
	return to
}

func (r *race) attempt(ctx context.Context, to netip.AddrPort) attempt {
	conn, err := r.connect(ctx, to, socketOptions{from: r.from})
	return attempt{to, conn, err}
}

// lacks is what there is no answer to: from which addresses, or else to the look-up.
func (r *race) lacks() string {
	silent := slices.DeleteFunc(r.begun, func(to netip.AddrPort) bool {
		return slices.ContainsFunc(r.failures, func(failed *Error) bool { return failed.Address == to.String() })
	})
	if len(silent) == 0 {
		return toLookUp(r.host)
	}
	var texts []string
	for _, to := range silent[:min(len(silent), attemptsShown)] {
		texts = append(texts, to.String())
	}
	if more := len(silent) - attemptsShown; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return "from " + strings.Join(texts, ", ")
}
