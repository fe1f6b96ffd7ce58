package record

import (
	"errors"
	"io"
	"testing"

	"tlsify/engine"
)

// counting is a Control that takes all that may come.
func counting() *Control {
	return &Control{
		KeyUpdate: func(bool) error { return nil },
		Ticket:    func([]byte) error { return nil },
		Request:   func([]byte) error { return nil },
	}
}

func wantRefusal(t *testing.T, what string, err error, alert engine.Alert) {
	t.Helper()
	if fatal := new(Fatal); !errors.As(err, &fatal) || fatal.Alert != alert {
		t.Errorf("%s: %v, want alert %s", what, err, alert)
	}
}

// As much as may come that carries nothing is taken, and one more is not. Data begins
// the count of most of it anew.
func TestControlLimits(t *testing.T) {
	warning := []byte{AlertWarning, byte(engine.AlertUserCanceled)}
	for name, test := range map[string]struct {
		kind    Type
		content []byte
		most    int
		anew    bool
	}{
		"empty records": {TypeApplicationData, nil, MaxInARow, true},
		"KeyUpdates":    {TypeHandshake, []byte(KeyUpdate), maxUpdates, true},
		"warnings":      {TypeAlert, warning, MaxWarnings, false},
		"requests":      {TypeHandshake, []byte{msgCertRequest, 0, 0, 0}, maxRequests, false},
	} {
		c := counting()
		take := func(n int) {
			t.Helper()
			for i := range n {
				if err := c.Take(test.kind, test.content); err != nil {
					t.Fatalf("%s: number %d: %v", name, i+1, err)
				}
			}
		}
		take(test.most)
		if err := c.Data(); err != nil {
			t.Fatal(err)
		}
		if test.anew {
			take(test.most)
		}
		wantRefusal(t, name, c.Take(test.kind, test.content), engine.AlertUnexpectedMessage)
	}
}

// Nothing comes between the pieces of a message but an alert (RFC 8446, section 5.1).
func TestControlInsideAMessage(t *testing.T) {
	for name, test := range map[string]struct {
		comes func(*Control) error
		alert engine.Alert
	}{
		"the rest":        {func(c *Control) error { return c.Take(TypeHandshake, []byte{9, 9}) }, 0},
		"data":            {(*Control).Data, engine.AlertUnexpectedMessage},
		"an empty record": {func(c *Control) error { return c.Take(TypeApplicationData, nil) }, engine.AlertUnexpectedMessage},
	} {
		c := counting()
		if err := c.Take(TypeHandshake, []byte{msgNewSessionTicket, 0, 0, 2}); err != nil {
			t.Fatal(err)
		}
		err := test.comes(c)
		if test.alert != 0 {
			wantRefusal(t, name, err, test.alert)
		} else if err != nil || c.Data() != nil {
			t.Errorf("%s: %v, then %v", name, err, c.Data())
		}
	}
	c := counting()
	c.Take(TypeHandshake, []byte{msgNewSessionTicket, 0})
	if err := c.Take(TypeAlert, []byte{AlertWarning, 0}); err != io.EOF {
		t.Errorf("close_notify: %v", err)
	}
}

func TestControlMessages(t *testing.T) {
	c := counting()
	if err := c.Take(TypeHandshake, append([]byte{msgNewSessionTicket, 1, 0, 0}, make([]byte, maxMessage)...)); err != nil {
		t.Errorf("the longest message: %v", err)
	}
	if err := c.Take(TypeHandshake, append([]byte{msgNewSessionTicket, 0, 1, 1}, make([]byte, 257)...)); err != nil || c.Data() != nil {
		t.Errorf("a message of 257 bytes: %v", err)
	}
	tickets := 0
	c.Ticket = func([]byte) error { tickets++; return nil }
	ticket := []byte{msgNewSessionTicket, 0, 0, 0}
	if err := c.Take(TypeHandshake, append(ticket, ticket...)); err != nil || tickets != 2 {
		t.Errorf("of two messages in one record %d were taken: %v", tickets, err)
	}
	c.Ticket = func([]byte) error { return malformed("ticket") }
	wantRefusal(t, "a ticket that makes no sense", c.Take(TypeHandshake, ticket), engine.AlertDecodeError)
	wantRefusal(t, "an empty alert", c.Take(TypeAlert, nil), engine.AlertUnexpectedMessage)
	unanswered := errors.New("the answer did not go")
	c.KeyUpdate = func(bool) error { return unanswered }
	if err := c.Take(TypeHandshake, []byte(KeyUpdate)); err != unanswered {
		t.Errorf("a KeyUpdate that can't be answered: %v", err)
	}
	for _, kind := range []byte{msgHelloRequest, msgClientHello} {
		var peer *engine.PeerError
		if err := c.Take(TypeHandshake, []byte{kind, 0, 0, 0}); !errors.As(err, &peer) || peer.Fault != engine.FaultRenegotiation {
			t.Errorf("message %d: %v", kind, err)
		}
	}
	bare := &Control{KeyUpdate: c.KeyUpdate}
	wantRefusal(t, "a request that nobody takes", bare.Take(TypeHandshake, []byte{msgCertRequest, 0, 0, 0}), engine.AlertUnexpectedMessage)
}

// What an alert means for a client depends on whether its certificate was asked for.
func TestControlAlertAfterRequest(t *testing.T) {
	c := counting()
	for _, asked := range []bool{false, true} {
		if asked {
			c.Take(TypeHandshake, []byte{msgCertRequest, 0, 0, 0})
		}
		var alert *engine.AlertError
		if err := c.Take(TypeAlert, []byte{AlertFatal, byte(engine.AlertHandshakeFailure)}); !errors.As(err, &alert) || alert.ClientCertRequested != asked {
			t.Errorf("asked %v: %v", asked, err)
		}
	}
}
