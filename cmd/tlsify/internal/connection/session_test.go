package connection

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"tlsify/cmd/tlsify/internal/sessions"
	"tlsify/engine"
	"tlsify/engine/enginetest"
	"tlsify/verify"
)

// A session whose server this invocation would not accept is not offered: a whole
// handshake may show another certificate.
func TestOfferIsJudged(t *testing.T) {
	store, err := verify.StoreFromPEM("ca.pem", enginetest.PKI(t).Root.PEM())
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]bool{enginetest.Host: true, "other.test": false} {
		name, err := verify.ParseName(host)
		if err != nil {
			t.Fatal(err)
		}
		k := &keptSession{file: sessions.At(filepath.Join(t.TempDir(), "session")), note: func(string) {}}
		s := &sessions.Session{Tickets: [][]byte{[]byte("ticket")}, Certificates: enginetest.Chain(t, "good").Chain, Again: true}
		if err := sessions.Put(k.file, k.key, s); err != nil {
			t.Fatal(err)
		}
		config := &engine.ClientConfig{}
		k.offer(config, &verify.Policy{Names: []verify.Name{name}, Trust: []*verify.Store{store}})
		if offered := config.Ticket != nil; offered != want || k.offered != want {
			t.Errorf("for %s it is offered: %t, %t", host, offered, k.offered)
		}
		if want {
			continue
		}
		// It is none of those that a server has refused.
		k.ended(&engine.AlertError{Alert: engine.AlertInternalError})
		if _, err := sessions.Take(k.file, k.key); err != nil {
			t.Errorf("that was not offered: %v", err)
		}
	}
}

// What has been told by a fatal alert is not told again by the next connection: neither
// the ticket that was offered, which under TLS 1.2 stays in the file, nor the others of
// the session, nor those of the connection that failed. A line that was cut says nothing
// of the session.
func TestSessionIsForgotten(t *testing.T) {
	alert := &engine.AlertError{Alert: engine.AlertInternalError}
	for _, test := range []struct {
		name  string
		again bool
		err   error
		left  string
	}{
		{"alert, TLS 1.2", true, alert, ""},
		{"alert, TLS 1.3", false, alert, ""},
		{"our own alert", true, &engine.PeerError{Fault: engine.FaultProtocol, Err: alert}, ""},
		{"cut, TLS 1.2", true, &engine.TransportError{Err: io.ErrUnexpectedEOF}, "new"},
		{"cut, TLS 1.3", false, &engine.TransportError{Err: io.ErrUnexpectedEOF}, "old"},
	} {
		t.Run(test.name, func(t *testing.T) {
			k := &keptSession{file: sessions.At(filepath.Join(t.TempDir(), "session")), note: func(note string) { t.Error(note) }}
			chain := enginetest.Chain(t, "good").Chain
			s := &sessions.Session{Tickets: [][]byte{[]byte("old"), []byte("new")}, Certificates: chain, Again: test.again}
			if err := sessions.Put(k.file, k.key, s); err != nil {
				t.Fatal(err)
			}
			store, err := verify.StoreFromPEM("ca.pem", enginetest.PKI(t).Root.PEM())
			if err != nil {
				t.Fatal(err)
			}
			name, err := verify.ParseName(enginetest.Host)
			if err != nil {
				t.Fatal(err)
			}
			k.offer(&engine.ClientConfig{}, &verify.Policy{Names: []verify.Name{name}, Trust: []*verify.Store{store}})
			k.verified(&engine.Peer{})
			if !k.offered {
				t.Fatal("not offered")
			}
			k.ended(test.err)
			left, err := sessions.Take(k.file, k.key)
			if test.left == "" && !errors.Is(err, os.ErrNotExist) {
				t.Errorf("there is a session still: %v", err)
			}
			if test.left != "" && (err != nil || string(left.Tickets[0]) != test.left) {
				t.Errorf("got %v, %v", left, err)
			}
		})
	}
}
