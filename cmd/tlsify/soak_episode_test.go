package main

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine/enginetest"
	"tlsify/engine/enginetest/wire"
)

// The episodes of the soak. In each a peer in the test's own process and a
// caller send one another streams of known bytes, through a tlsify between
// them, and any of the three and the network may misbehave.

// course is what the network does in one direction, mostly nothing.
func (e *episode) course(direction string) (c wire.Course) {
	c.After = e.size(18)
	switch e.random.IntN(12) {
	case 0:
		c.Fault = wire.FIN
	case 1:
		c.Fault = wire.Reset
	case 2:
		c.Fault = wire.Silence
	case 3, 4:
		random := rand.New(rand.NewPCG(e.seed, 1))
		c.Segment = func() int { return 1 << random.IntN(14) }
		c.Delay = func() time.Duration { return time.Duration(random.IntN(100)) * time.Microsecond }
	}
	if c.Fault != wire.None {
		e.tell("%v after %d bytes %s", c.Fault, c.After, direction)
		e.soak.count("(" + c.Fault.String() + ")")
	}
	return c
}

// size is a number of bytes below 2^bits, small ones as often as large ones.
func (e *episode) size(bits int) int { return e.random.IntN(1 << e.random.IntN(bits+1)) }

// text is a stream that no other is like.
func (e *episode) text() []byte {
	out := make([]byte, e.size(18))
	rand.NewChaCha8([32]byte{byte(e.seed), byte(e.seed >> 8), byte(e.seed >> 16), byte(e.random.Uint32())}).Read(out)
	return out
}

// limits are options with which every episode comes to an end.
func limits(silent bool) []string {
	limit := "20s"
	if silent {
		limit = "2s"
	}
	return []string{"--handshake-timeout", limit, "--idle-timeout", limit, "--linger", "2s"}
}

// peer is the other end of the TLS.
type peer struct {
	*tls.Conn
	noter  *finNoter
	say    []byte
	manner string

	got       []byte
	heard     string // how what came has ended; empty: no handshake
	saidClose atomic.Bool
	done      chan struct{}
}

// manners are a peer's: when it ends, and how.
var manners = []string{"ends last", "ends first", "stops without close_notify", "resets", "stops reading for a while"}

func (e *episode) newPeer(raw *net.TCPConn, config *tls.Config, server bool, say []byte, manner string) *peer {
	p := &peer{noter: &finNoter{Conn: raw}, say: say, manner: manner, done: make(chan struct{})}
	p.Conn = tls.Client(p.noter, config)
	if server {
		p.Conn = tls.Server(p.noter, config)
	}
	e.tell("peer %s", manner)
	pause := time.Duration(e.random.IntN(1500)) * time.Millisecond
	half := e.random.IntN(len(say) + 1)
	go p.run(pause, half)
	return p
}

func (p *peer) run(pause time.Duration, half int) {
	defer close(p.done)
	raw := p.noter.Conn.(*net.TCPConn)
	if err := p.Handshake(); err != nil {
		raw.Close()
		return
	}
	ended := make(chan struct{})
	var sending sync.WaitGroup
	sending.Go(func() {
		switch p.manner {
		case "stops without close_notify":
			p.Write(p.say[:half])
			raw.CloseWrite()
			return
		case "resets":
			p.Write(p.say[:half])
			raw.SetLinger(0)
			raw.Close()
			return
		}
		if _, err := p.Write(p.say); err != nil {
			return
		}
		if p.manner != "ends first" {
			<-ended
		}
		p.saidClose.Store(true)
		p.CloseWrite()
	})
	if p.manner == "stops reading for a while" {
		time.Sleep(pause)
	}
	var err error
	p.got, err = io.ReadAll(p.Conn)
	if err == nil {
		err = io.EOF
	}
	p.heard = ending(err, p.noter)
	close(ended)
	sending.Wait()
	raw.Close()
}

// behaviour is the caller's, and what is done to tlsify meanwhile.
type behaviour struct {
	*starter
	sent     []byte // what tlsify was given
	gone     bool   // it has left
	killed   bool   // tlsify was killed outright
	signaled bool   // tlsify was told to end
}

// note takes a process that was told to end before it had begun to be anything
// for one that was killed.
func (b *behaviour) note(status int, said string) {
	if b.signaled && said == "" && status == 1000+int(syscall.SIGTERM) {
		b.killed = true
	}
}

// behave has the caller write its text, and perhaps do something foolish.
func (e *episode) behave(c *starter, tlsify *child, text []byte) *behaviour {
	b := &behaviour{starter: c}
	what := e.random.IntN(12)
	half := e.random.IntN(len(text) + 1)
	write := func(p []byte) {
		n, _ := c.Write(p)
		b.sent = append(b.sent, p[:n]...)
	}
	later := func(f func()) {
		delay := time.Duration(e.random.IntN(400)) * time.Millisecond
		go func() {
			select {
			case <-time.After(delay):
				f()
			case <-tlsify.ended:
			}
		}()
	}
	switch what {
	case 0:
		e.tell("caller leaves after %d bytes", half)
		write(text[:half])
		b.gone = true
		c.vanish()
		return b
	case 1:
		e.tell("tlsify is killed")
		b.killed = true
		later(func() { tlsify.signal(syscall.SIGKILL) })
	case 2:
		e.tell("tlsify is told to end")
		b.signaled = true
		later(func() { tlsify.signal(syscall.SIGTERM) })
	case 3:
		e.tell("tlsify is stopped for a while")
		later(func() {
			tlsify.signal(syscall.SIGSTOP)
			time.Sleep(50 * time.Millisecond)
			tlsify.signal(syscall.SIGCONT)
		})
	case 4:
		e.tell("signals")
		go func() {
			for i := 0; ; i++ {
				select {
				case <-tlsify.ended:
					return
				case <-time.After(time.Millisecond):
					tlsify.signal([]syscall.Signal{syscall.SIGURG, syscall.SIGWINCH}[i%2])
				}
			}
		}()
	case 5:
		e.tell("caller pauses after %d bytes", half)
		write(text[:half])
		time.Sleep(time.Duration(e.random.IntN(300)) * time.Millisecond)
		write(text[half:])
		c.end()
		return b
	}
	write(text)
	c.end()
	return b
}

// overDescriptor is a connect or an accept on an inherited connection.
func overDescriptor(e *episode) {
	peerEnd, wireA := e.pair()
	wireB, ours := e.pair()
	there, back := e.course("to tlsify"), e.course("to the peer")
	w := wire.Lay(wireA, wireB, there, back)
	e.Cleanup(w.Cut)
	l := newLaunch(e)
	kind := []string{"socket", "pipes"}[e.random.IntN(2)]
	c := newStarter(l, kind)
	if conn, ok := c.Writer.(net.Conn); ok {
		conn.SetDeadline(time.Now().Add(soakPatience))
	}
	l.give(5, rawOf(e, ours))
	ours.Close()
	args := append([]string{e.mode, "--net-fd", "5", "--engine", e.engineFor(e.mode)}, limits(there.Fault == wire.Silence || back.Fault == wire.Silence)...)
	config := e.soak.config
	if e.mode == "connect" {
		args = append(append(args, "--name", enginetest.Host), trusting(e)...)
		config = e.serverConfig()
	} else {
		args = append(args, identity(e)...)
	}
	e.tell("%s, %s", args[4], kind)
	tlsify := l.start(args...)
	p := e.newPeer(peerEnd, config, e.mode == "connect", e.text(), manners[e.random.IntN(len(manners))])
	b := e.behave(c, tlsify, e.text())
	e.finish(tlsify)
	w.Cut()
	<-p.done
	e.checkTruth(tlsify, p, b)
}

// finish waits for tlsify's end.
func (e *episode) finish(tlsify *child) {
	select {
	case <-tlsify.ended:
	case <-time.After(soakPatience):
		e.Fatalf("tlsify does not end: %s", tlsify.report())
	}
}

// checkTruth checks that what arrived is what was sent, and that what was said
// is true.
func (e *episode) checkTruth(tlsify *child, p *peer, b *behaviour) {
	exit := tlsify.wait()
	said, out, people := tlsify.said.all(), b.out.all(), tlsify.err.all()
	b.note(exit, said)
	has := func(line string) bool { return strings.Contains(said, "\n"+line+"\n") }
	ready := has("ready")
	rules := map[string]bool{
		"what the caller got is not what the peer sent":                  strings.HasPrefix(string(p.say), out),
		"what the peer got is not what the caller sent":                  bytes.HasPrefix(b.sent, p.got),
		"bytes moved before ready":                                       ready || b.killed || out == "" && len(p.got) == 0,
		"status 0 without the peer's end":                                exit != 0 || b.gone || p.saidClose.Load() && has("closed peer"), // nobody waits for what nobody reads
		"status 0, and the caller lacks bytes":                           exit != 0 || out == string(p.say) || b.gone,                     // they may be in its pipe
		"a close_notify is said to have come that did not":               !has("closed peer") || p.saidClose.Load(),
		"the peer is said to have ended, and the caller lacks bytes":     !has("closed peer") || b.gone || b.killed || b.signaled || out == string(p.say),
		"a clean end on both sides, and the peer lacks bytes":            exit != 0 || !has("closed local") || p.heard == "" || p.heard != "close_notify" || bytes.Equal(p.got, b.sent),
		"the peer was told of an end that wasn't":                        p.heard != "close_notify" || bytes.Equal(p.got, b.sent),
		"the peer was told of an end that nobody else was told of":       p.heard != "close_notify" || b.killed || has("closed local"),
		"the last line is not the status":                                b.killed || strings.HasSuffix(said, fmt.Sprintf("\nend %d\n", exit)),
		"it crashed":                                                     exit != status.Internal && !strings.Contains(people, "goroutine ") && (exit < 1000 || b.killed),
		"a failure without its reason":                                   exit == 0 || exit > 100 || strings.Contains(said, "\nerror "),
		"it was not told to end, and says that it was":                   exit != 143 || b.signaled,
		"truncated is said, and the peer has ended by close_notify only": !has("truncated") || p.manner == "stops without close_notify" || strings.Contains(strings.Join(e.story, ";"), "after") || p.heard == "" || b.gone,
	}
	for what, holds := range rules {
		if !holds {
			e.Errorf("%s; status %d, %d bytes of %d to the caller, %d of %d to the peer, who heard %q: %s",
				what, exit, len(out), len(p.say), len(p.got), len(b.sent), p.heard, tlsify.report())
			break
		}
	}
	e.soak.count(e.mode)
	e.soak.count(fmt.Sprintf("(status %d)", exit))
}

// toListener is a client of the listener, whose PROG answers with what it gets.
func toListener(e *episode) {
	conn, err := net.DialTimeout("tcp4", e.soak.listener.address, soakPatience)
	if err != nil {
		e.soak.count("(refused)")
		return
	}
	e.Cleanup(func() { conn.Close() })
	peerEnd, wireA := e.pair()
	there, back := e.course("to tlsify"), e.course("to the peer")
	w := wire.Lay(wireA, conn, there, back)
	e.Cleanup(w.Cut)
	if there.Fault == wire.Silence || back.Fault == wire.Silence {
		// Nobody hears of the other's end: the wire's end has to do.
		defer time.AfterFunc(3*time.Second, w.Cut).Stop()
	}
	text := e.text()
	p := e.newPeer(peerEnd, e.soak.config, false, text, []string{"ends first", "resets", "stops without close_notify"}[e.random.IntN(3)])
	select {
	case <-p.done:
	case <-time.After(soakPatience):
		e.Fatalf("the connection does not end")
	}
	if !bytes.HasPrefix(text, p.got) || p.heard == "close_notify" && (!p.saidClose.Load() || len(p.got) != len(text)) {
		e.Errorf("%d bytes came back of %d; the client heard %q", len(p.got), len(text), p.heard)
	}
	e.soak.count(e.mode)
}

// withSession is a connect that dials, with a session to resume and keep.
func withSession(e *episode) {
	l := newLaunch(e)
	c := newStarter(l, "pipes")
	engine := e.engineFor("connect")
	args := append([]string{"connect", "--engine", engine, "--name", enginetest.Host,
		"--session", fmt.Sprintf("%s/%s-%d", e.soak.sessions, engine, e.random.IntN(4))}, append(limits(false), trusting(e)...)...)
	tlsify := l.start(append(args, e.soak.echo.address)...)
	text := e.text()
	b := e.behave(c, tlsify, text)
	e.finish(tlsify)
	status, out := tlsify.wait(), b.out.all()
	b.note(status, tlsify.said.all())
	if !bytes.HasPrefix(b.sent, []byte(out)) || status == 0 && !b.gone && len(out) != len(text) || status == 2 || status > 1000 && !b.killed {
		e.Errorf("status %d, %d bytes of %d came back: %s", status, len(out), len(text), tlsify.report())
	}
	if status != 0 && !b.gone && !b.killed && !b.signaled {
		e.Errorf("status %d: %s", status, tlsify.report())
	}
	if strings.Contains(tlsify.said.text(), "\nresumed yes\n") {
		e.soak.count("(resumed)")
	}
	e.soak.count(e.mode)
	e.soak.count(fmt.Sprintf("(status %d)", status))
}

// withProgram is a connect or an accept with a PROG that answers with what it
// gets.
func withProgram(e *episode) {
	peerEnd, wireA := e.pair()
	wireB, ours := e.pair()
	there, back := e.course("to tlsify"), e.course("to the peer")
	w := wire.Lay(wireA, wireB, there, back)
	e.Cleanup(w.Cut)
	l := newLaunch(e)
	form := []string{"connect", "accept"}[e.random.IntN(2)]
	args := append([]string{form, "--min-security", "tls13", "--engine", e.engineFor(form)}, limits(there.Fault == wire.Silence || back.Fault == wire.Silence)...)
	config := e.soak.config
	if form == "connect" {
		l.give(5, rawOf(e, ours))
		args = slices.Concat(args, []string{"--net-fd", "5", "--name", enginetest.Host}, trusting(e), []string{"--", "prog", "cat", "6", "7"})
		config = e.serverConfig()
	} else {
		l.give(0, rawOf(e, ours))
		args = slices.Concat(args, identity(e), []string{"--", "prog", "cat"})
	}
	ours.Close()
	tlsify := l.start(args...)
	text := e.text()
	p := e.newPeer(peerEnd, config, form == "connect", text, []string{"ends first", "resets", "stops without close_notify"}[e.random.IntN(3)])
	killed := e.oneIn(8)
	if killed {
		e.tell("tlsify is killed")
		time.AfterFunc(time.Duration(e.random.IntN(400))*time.Millisecond, func() {
			select {
			case <-tlsify.ended:
			default:
				tlsify.signal(syscall.SIGKILL)
			}
		})
	}
	e.finish(tlsify)
	w.Cut()
	<-p.done
	status := tlsify.wait()
	complete := len(p.got) == len(text)
	switch {
	case !bytes.HasPrefix(text, p.got):
		e.Errorf("what came back is not what was sent: %s", tlsify.report())
	case p.heard == "close_notify" && !complete && p.saidClose.Load():
		e.Errorf("a clean end behind %d bytes of %d: %s", len(p.got), len(text), tlsify.report())
	case status == 0 && !p.saidClose.Load():
		e.Errorf("status 0 for a peer that did not end: %s", tlsify.report())
	case status == 2 || status == 102 || status > 1000 && !killed:
		e.Errorf("status %d: %s", status, tlsify.report())
	}
	e.soak.count(e.mode)
	e.soak.count(fmt.Sprintf("(status %d)", status))
}
