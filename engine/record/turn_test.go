package record

import (
	"errors"
	"testing"
	"time"

	"tlsify/engine"
)

// The alert was left to a writer that was just about to end its turn: whoever heard of
// the error ended the process before it went.
func TestAbortBehindAWriter(t *testing.T) {
	sent := make(chan engine.Alert, 1)
	turn := &Turn{Alert: func(a engine.Alert) { sent <- a }}
	if err := turn.Take(); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(moment/5, turn.Pass)
	alert := engine.AlertBadRecordMAC
	turn.Abort(&alert, errors.New("a bad record"))
	select {
	case a := <-sent:
		if a != alert {
			t.Error(a)
		}
	default:
		t.Error("Abort returned before the alert had gone")
	}
}

// A writer whose peer takes nothing is not waited for, and sends the alert after all.
func TestAbortBehindABlockedWriter(t *testing.T) {
	sent := 0
	turn := &Turn{Alert: func(engine.Alert) { sent++ }}
	if err := turn.Take(); err != nil {
		t.Fatal(err)
	}
	alert := engine.AlertBadRecordMAC
	turn.Abort(&alert, errors.New("a bad record"))
	if turn.Pass(); sent != 1 {
		t.Errorf("%d alerts", sent)
	}
}
