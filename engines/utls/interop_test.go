package utls_test

import (
	"io"
	"testing"

	"tlsify/engine"
	"tlsify/engine/enginetest"
	"tlsify/engines/pq"
	"tlsify/engines/utls"
)

// The draft hybrid is one that only our own engine still serves.
func TestHybridsWithOurServer(t *testing.T) {
	for _, c := range []struct{ fingerprint, group string }{
		{"chrome-115-pq", "X25519Kyber768Draft00"},
		{"chrome-120-pq", "X25519Kyber768Draft00"},
		{"chrome-120-pq", "x25519"},
		{"chrome-131", "X25519MLKEM768"},
		{"chrome", "X25519MLKEM768"},
		{"chrome", "secp384r1"},
		{"firefox", "secp256r1"},
		{"", "X25519MLKEM768"},
	} {
		common := engine.Config{Verify: func(*engine.Peer) error { return nil }}
		ours, theirs := enginetest.TCPPair(t)
		over := make(chan error, 1)
		go func() {
			server := &engine.ServerConfig{Config: common, Identities: []*engine.Identity{enginetest.Identity(enginetest.Chain(t, "good"))}}
			server.Groups = []string{c.group}
			session, err := pq.New().Server(t.Context(), theirs, server)
			if err == nil {
				_, err = session.Write([]byte("line"))
			}
			over <- err
		}()
		session, err := utls.New().Client(t.Context(), ours, &engine.ClientConfig{Config: common, ServerName: enginetest.Host, Fingerprint: c.fingerprint})
		if err == nil {
			_, err = io.ReadFull(session, make([]byte, 4))
		}
		if err != nil {
			ours.Close()
			t.Errorf("%s with %s: %v; the server: %v", c.fingerprint, c.group, err, <-over)
		} else if got := session.State().Group; got != c.group {
			t.Errorf("%s: group %s, want %s", c.fingerprint, got, c.group)
		}
	}
}
