package main

import (
	"io"
	"net"
	"time"
)

var rulesHandoff = []rule{
	{"handoff", "socketpair is one end of one; it is what 0 and 1 would be, and tlsify goes on", nothing, func(t *trial) {
		h := t.handing(t.serve(late).to("--handoff", "socketpair")...)
		plain := h.plain()
		io.WriteString(plain, "question")
		plain.CloseWrite()
		if got := t.rest(plain); got != "late reply\n" {
			t.fault("got %s%s", quote(got), h.report())
		}
		h.expect(0, "handoff socketpair", "ready", "end 0")
	}},
	{"handoff-ktls", "ktls is the connection's own socket ... Where the kernel cannot, it is handoff-unavailable", nothing, func(t *trial) {
		s := t.serve(echo, onlyTLS13)
		h := t.handing(s.to("--handoff", "ktls")...)
		if t.kernelTLS() && !h.saysSoon("handoff-unavailable", 1) {
			h.expect(0, "handoff ktls", "ready", "end 0")
			h.echoes(h.handed())
			return
		}
		h.expectError(1, "handoff-unavailable")
		select {
		case m := <-s.meetings:
			if m.ended == "close_notify" {
				t.fault("the peer is told of an end")
			}
		case <-time.After(time.Second): // who knows it beforehand dials nobody
		}
	}},
	{"handoff-auto", "auto is ktls where that can be had without loss, and no option is given that ktls excludes, else socketpair. The line says which", nothing, func(t *trial) {
		h := t.handing(t.serve(echo, onlyTLS13).to("--handoff", "auto")...)
		h.echoes(h.handed())
		if t.kernelTLS() {
			h.expect(0, "handoff (socketpair|ktls)", "ready", "end 0")
		} else {
			h.expect(0, "handoff socketpair", "ready", "end 0")
		}
	}},
	{"handoff-verified", "It comes on the control channel ... before ready", nothing, func(t *trial) {
		for _, kind := range []string{"socketpair", "auto"} {
			h := t.handing(t.serve(talk, onlyTLS13, with("untrusted")).to("--handoff", kind)...)
			h.expectError(5, "cert-untrusted")
			if len(h.rights) > 0 || len(h.values("handoff")) > 0 {
				t.fault("%s: the caller has a connection to a peer that is refused%s", kind, h.report())
			}
		}
	}},
	{"handoff-usage", "--handoff is usage with PROG, or without a unix socket for a control channel", nothing, func(t *trial) {
		s := t.serve(talk)
		t.call().start(s.to("--handoff", "socketpair")...).expectError(1, "usage") // a pipe carries no descriptor
		t.handing(s.to("--handoff", "pipe")...).expectError(1, "usage")
		if h := t.handing(append(s.to("--handoff", "socketpair"), prog(":")...)...); !h.saysSoon("usage", 1) {
			t.fault("with PROG: status %d%s", h.status(), h.report())
		}
		// A limit that could not be held is none.
		for _, option := range [][]string{{"--timeout", "5s"}, {"--idle-timeout", "5s"}, {"--linger", "5s"}, {"--eof", "hold"}, {"--eof-wait", "5s"}, {"--tolerate-truncation"}} {
			if h := t.handing(s.to(append(option, "--handoff", "ktls")...)...); !h.saysSoon("usage|handoff-unavailable", 1) {
				t.fault("%s beside ktls: status %d%s", option[0], h.status(), h.report())
			}
		}
	}},
}

// handing is a run whose control channel is a socket, on which descriptors may
// come.
type handing struct {
	*run
	rights chan int
}

func (t *trial) handing(args ...string) *handing {
	c := t.call()
	control := c.socket(3)
	control.SetReadDeadline(time.Now().Add(t.patience))
	c.said = &captured{ended: make(chan struct{})}
	h := &handing{rights: make(chan int, 2)}
	go takeRights(control, c.said, h.rights)
	h.run = c.start(args...)
	return h
}

// handed is the descriptor that came with the line handoff.
func (h *handing) handed() int {
	h.await("handoff")
	select {
	case raw := <-h.rights:
		return raw
	default:
		h.fatal("no descriptor came with the line handoff%s", h.report())
		return -1
	}
}

// plain is the descriptor as a connection.
func (h *handing) plain() *net.UnixConn { return h.unixConn(h.handed()) }

// echoes has a descriptor, of whichever kind, carry something there and back.
// The server's end is not waited for: to the kernel's TLS that is no read's.
func (h *handing) echoes(raw int) {
	f := h.asFile(raw)
	defer f.Close()
	f.SetDeadline(time.Now().Add(h.patience))
	const text = "there and back"
	io.WriteString(f, text)
	got := make([]byte, len(text))
	if n, err := io.ReadFull(f, got); string(got) != text {
		h.fault("%s came back of %s, %v%s", quote(string(got[:n])), quote(text), err, h.report())
	}
}

// kernelTLS tells whether this kernel has TLS.
func (t *trial) kernelTLS() bool {
	ours, _ := t.tcpPair()
	return takesTLS(t.kept(t.rawOf(ours)))
}
