package pq

import (
	"bytes"
	"testing"
	"time"

	"tlsify/engine"
	"tlsify/engine/record"
)

// A ticket is one that is whole, of a peer that is known in one way, and of a certificate
// that can be read.
func TestTicketForm(t *testing.T) {
	c, s := configs("p256")
	var kept []byte
	c.KeepTicket = func(ticket []byte) { kept = bytes.Clone(ticket) }
	s.TicketKeys = [][32]byte{{1}}
	client, server := connected(t, c, s)
	exchange(t, server, client)
	good, err := parseClientTicket(kept)
	if err != nil || good.shows() != 1 || len(good.certificates) == 0 {
		t.Fatalf("%+v, %v", good, err)
	}
	for n := range kept {
		if _, err := parseClientTicket(kept[:n]); err == nil {
			t.Errorf("%d of %d bytes are a ticket", n, len(kept))
		}
	}
	for name, change := range map[string]func(r *clientTicket){
		"no way":               func(r *clientTicket) { r.chain = nil },
		"a key as well":        func(r *clientTicket) { r.rawKey = []byte("key") },
		"a mark as well":       func(r *clientTicket) { r.mark = []byte("mark") },
		"no certificate":       func(r *clientTicket) { r.chain = [][]byte{[]byte("none")} },
		"a short key":          func(r *clientTicket) { r.psk = r.psk[1:] },
		"no identity":          func(r *clientTicket) { r.identity = nil },
		"an unheard-of cipher": func(r *clientTicket) { r.suite = &record.Suite{ID: 0x1399} },
	} {
		changed := *good
		change(&changed)
		data, err := changed.marshal()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseClientTicket(data); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	made := time.UnixMilli(int64(good.created))
	for _, test := range []struct {
		lifetime uint32
		age      time.Duration
		want     bool
	}{
		{10, 0, true}, {10, 10*time.Second - time.Millisecond, true}, {10, 10 * time.Second, false}, {10, -time.Millisecond, false},
		{maxTicketLifetime + 9, maxTicketLifetime * time.Second, false}, {maxTicketLifetime + 9, maxTicketLifetime*time.Second - time.Millisecond, true},
	} {
		aged := good.resumable
		aged.lifetime = test.lifetime
		if got := aged.usable(made.Add(test.age), engine.LevelStandard); got != test.want {
			t.Errorf("one for %d s, after %v: %v", test.lifetime, test.age, got)
		}
	}
}
