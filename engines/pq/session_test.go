package pq

import (
	"io"
	"testing"

	"tlsify/engine"
	"tlsify/engine/record"
)

// TestBadTicket: a ticket that cannot be parsed ends the connection, whether or
// not anybody wants it.
func TestBadTicket(t *testing.T) {
	c, s := configs("p256")
	client, server := connected(t, c, s)
	keys := server.(*session).Keys()
	slot := make([]byte, 5+record.Overhead)
	copy(slot[record.HeaderLen:], []byte{typeNewSessionTicket, 0, 0, 1, 0})
	protect := record.New(record.SuiteOf(keys.Out.Cipher), keys.Out.Secret)
	protect.SetSequence(keys.Out.Sequence)
	keys.Stream.Write(protect.Seal(slot, 5, record.TypeHandshake))
	_, err := client.Read(make([]byte, 10))
	wantFault(t, err, engine.FaultProtocol)
	_, err = server.Read(make([]byte, 10))
	wantAlert(t, err, engine.AlertDecodeError)
}

// TestTakeOver: the keys of both sides, with what has been read already and
// with tickets still to come, carry the connection on.
func TestTakeOver(t *testing.T) {
	c, s := configs("p256")
	tickets := 0
	c.KeepTicket = func([]byte) { tickets++ }
	s.TicketKeys = [][32]byte{{1}}
	client, server := connected(t, c, s)
	var ends [2]half
	for i, s := range []engine.Session{client, server} {
		keys, err := s.(engine.KeyedSession).TakeOver()
		if err != nil {
			t.Fatal(err)
		}
		ends[i] = record.NewConn(keys)
	}
	exchange(t, ends[0], ends[1])
	if tickets != 1 {
		t.Errorf("%d tickets", tickets)
	}
	if _, err := client.Export("EXPORTER-test", nil, 32); err != nil {
		t.Error(err)
	}
	if _, err := ends[0].Read(make([]byte, 1)); err != io.EOF {
		t.Error(err)
	}
}
