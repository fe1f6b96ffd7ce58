package adapter

import (
	"bytes"
	"errors"
	"testing"

	"tlsify/engine"
)

// FuzzTicket checks that what can be taken apart is packed the same again.
func FuzzTicket(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0})
	f.Add([]byte{0, 0})
	f.Add([]byte{0, 1})
	f.Add([]byte{0, 1, 'a'})
	f.Add([]byte{0, 1, 'a', 'b', 'c'})
	f.Fuzz(func(t *testing.T, packed []byte) {
		ticket, state, ok := splitTicket(packed)
		if ok && !bytes.Equal(joinTicket(ticket, state), packed) {
			t.Errorf("%x and %x do not make %x", ticket, state, packed)
		}
	})
}

func TestTicketTooLong(t *testing.T) {
	if packed := joinTicket(make([]byte, 0x10000), nil); packed != nil {
		t.Errorf("%d bytes, of a ticket that has no place", len(packed))
	}
	packed := joinTicket(make([]byte, 0xffff), []byte("state"))
	if ticket, state, ok := splitTicket(packed); !ok || len(ticket) != 0xffff || string(state) != "state" {
		t.Errorf("%d bytes of ticket, state %q", len(ticket), state)
	}
}

// A server may give tickets without end, and each was packed with all of its chain.
func TestTicketsHaveALimit(t *testing.T) {
	kept, packed := 0, 0
	cache := &OneTicket[int]{
		Keep: func([]byte) { kept++ },
		Pack: func(*int) (ticket, state []byte, err error) { packed++; return []byte{1}, []byte{2}, nil },
	}
	for range 3 * engine.MostTickets {
		cache.Put("", new(int))
	}
	if kept != engine.MostTickets || packed != kept {
		t.Errorf("%d packed, %d kept", packed, kept)
	}
}

// What did not work, what cannot be packed and what comes when it is over are not kept,
// and nothing where nobody wants it.
func TestTicketsThatAreNotKept(t *testing.T) {
	kept := 0
	var state []byte
	var err error
	cache := &OneTicket[int]{
		Keep: func([]byte) { kept++ },
		Pack: func(*int) ([]byte, []byte, error) { return []byte{1}, state, err },
	}
	cache.Put("", nil)
	cache.Put("", new(int)) // without a state
	state, err = []byte{2}, errors.New("it has none")
	cache.Put("", new(int))
	if err = nil; kept != 0 {
		t.Errorf("%d kept", kept)
	}
	if cache.Put("", new(int)); kept != 1 {
		t.Error("a good one is not kept")
	}
	cache.StopKeeping()
	if cache.Put("", new(int)); kept != 1 {
		t.Error("one that comes later is kept")
	}
	new(OneTicket[int]).Put("", new(int))
}
