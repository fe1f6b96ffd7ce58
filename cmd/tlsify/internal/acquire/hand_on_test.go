package acquire

import (
	"os"
	"slices"
	"strings"
	"testing"

	"tlsify/cmd/tlsify/internal/invocation"
)

// What came by a descriptor was read to its end: a certificate or key of which there is
// no more is not taken for one that has not changed.
func TestNothingIsReadTwice(t *testing.T) {
	for _, tls := range []invocation.TLS{
		{Certs: []string{"fd:7"}, Keys: []string{"key.pem"}},
		{Certs: []string{"a.pem", "b.pem"}, Keys: []string{"a.key", "fd:7"}},
	} {
		r := &Resources{Invocation: &invocation.Invocation{TLS: tls}}
		if _, err := r.Again(); err == nil || !strings.Contains(err.Error(), "fd:7 cannot be read again") {
			t.Errorf("%v: %v", tls.Keys, err)
		}
	}
}

// Of all that a listener reads again, and of nothing else, it is said whether that can be
// done.
func TestUnreadable(t *testing.T) {
	t.Chdir(t.TempDir())
	const there = "there"
	if err := os.WriteFile(there, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := &Resources{Invocation: &invocation.Invocation{
		TLS: invocation.TLS{Certs: []string{there, "a", there}, Keys: []string{there, "signer:b", "c"},
			TicketKey: "d", ECHKey: "fd:7", PSK: "e"},
		Trust: &invocation.Trust{CRLs: []string{there, "f"}},
	}}
	const missing = ": no such file or directory"
	want := []string{"--cert: a" + missing, "--key: c" + missing, "--ticket-key: d" + missing, "--psk: e" + missing, "--crl: f" + missing}
	if got := r.Unreadable(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
