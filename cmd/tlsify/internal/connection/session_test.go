package connection

import (
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
		s := &sessions.Session{Tickets: [][]byte{[]byte("ticket")}, Certificates: enginetest.Chain(t, "good").Chain}
		if err := sessions.Put(k.file, k.key, s); err != nil {
			t.Fatal(err)
		}
		config := &engine.ClientConfig{}
		k.offer(config, &verify.Policy{Names: []verify.Name{name}, Trust: []*verify.Store{store}})
		if offered := config.Ticket != nil; offered != want || k.offered != want {
			t.Errorf("for %s it is offered: %t, %t", host, offered, k.offered)
		}
	}
}
