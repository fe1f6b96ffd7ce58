package main

import (
	"context"
	"crypto/tls"
	"io"
	"os"
	"runtime"
	"testing"
	"time"

	"tlsify/engine"
	"tlsify/engine/enginetest"
	"tlsify/engines/std"
	"tlsify/pump"
	"tlsify/stream"
)

// However a stream ends, pump.Run leaves no goroutine behind.
func TestPumpLeavesNoGoroutine(t *testing.T) {
	endings := map[string]func(peer *tls.Conn, in, out *os.File, cancel func()){
		"peer-ends": func(peer *tls.Conn, in, out *os.File, cancel func()) { peer.CloseWrite() },
		"peer-cuts": func(peer *tls.Conn, in, out *os.File, cancel func()) { peer.NetConn().Close() },
		"caller-ends": func(peer *tls.Conn, in, out *os.File, cancel func()) {
			in.Close()
			io.Copy(io.Discard, peer)
			peer.CloseWrite()
		},
		"caller-vanishes": func(peer *tls.Conn, in, out *os.File, cancel func()) { in.Close(); out.Close() },
		"caller-vanishes-and-peer-talks": func(peer *tls.Conn, in, out *os.File, cancel func()) {
			out.Close()
			io.WriteString(peer, "hello")
		},
		"cancelled": func(peer *tls.Conn, in, out *os.File, cancel func()) { cancel() },
	}
	for name, end := range endings {
		before := runtime.NumGoroutine()
		for range 10 {
			pumpOnce(t, end)
		}
		if !becomes(func() bool { return runtime.NumGoroutine() <= before }) {
			stacks := make([]byte, 64<<10)
			t.Errorf("%s: %d goroutines, after %d:\n%s", name, runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// pumpOnce runs one stream, over a socket and two pipes, to an end.
func pumpOnce(t *testing.T, end func(peer *tls.Conn, in, out *os.File, cancel func())) {
	t.Helper()
	ours, theirs := tcpPair(t)
	defer ours.Close()
	defer theirs.Close()
	network := newFD(t, rawOf(t, ours))
	defer network.Close()
	peer := tls.Server(theirs, newServer(t, "echo").config)
	handshaken := make(chan error, 1)
	go func() { handshaken <- peer.Handshake() }()
	session, err := std.New().Client(t.Context(), network, &engine.ClientConfig{
		ServerName: enginetest.Host, Config: engine.Config{Verify: func(*engine.Peer) error { return nil }},
	})
	if err != nil || <-handshaken != nil {
		t.Fatal(err)
	}
	inR, inW := pipeRaw(t)
	outR, outW := pipeRaw(t)
	in, out := newFD(t, inR), newFD(t, outW)
	defer in.Close()
	feed, sink := os.NewFile(uintptr(inW), "feed"), os.NewFile(uintptr(outR), "sink")
	defer feed.Close()
	defer sink.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	carrier, err := pump.Choose(pump.Auto, session)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- pump.Run(ctx, pump.Plan{Carrier: carrier, Network: network, In: in, Out: out,
			Linger: 200 * time.Millisecond, Report: func(pump.Event, error) {}})
	}()
	end(peer, feed, sink, cancel)
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("the pump goes on")
	}
}

func newFD(t *testing.T, raw int) *stream.FD {
	t.Helper()
	fd, err := stream.NewFD(raw)
	if err != nil {
		t.Fatal(err)
	}
	return fd
}
