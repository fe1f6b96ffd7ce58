package connection

import (
	"context"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
	"tlsify/stream"
	"tlsify/verify"
)

// A peer that is refused is told why (contract, 3.25).
func TestRefusalAlerts(t *testing.T) {
	for code, want := range map[verify.Code]engine.Alert{
		verify.Untrusted:     engine.AlertUnknownCA,
		verify.SelfSigned:    engine.AlertUnknownCA,
		verify.Expired:       engine.AlertCertificateExpired,
		verify.NotYetValid:   engine.AlertCertificateExpired,
		verify.NameWrong:     engine.AlertBadCertificate,
		verify.PurposeBad:    engine.AlertUnsupportedCert,
		verify.Weak:          engine.AlertBadCertificate,
		verify.Constraint:    engine.AlertBadCertificate,
		verify.Revoked:       engine.AlertCertificateRevoked,
		verify.Malformed:     engine.AlertBadCertificate,
		verify.PinMismatch:   engine.AlertCertificateUnknown,
		verify.Staple:        engine.AlertBadCertStatus,
		verify.SecurityLevel: engine.AlertInsufficientSecurity,
	} {
		if got := refusalAlert(code); got != want {
			t.Errorf("%s: %v, not %v", code, got, want)
		}
	}
}

// Only the answer itself is a yes (contract, 3.19), and not the end of the connection
// meanwhile. The question stops the handshake's clock, which then goes on.
func TestAnswered(t *testing.T) {
	const pin = "sha256//pin"
	for _, c := range []struct {
		name, before, answer string
		end                  bool
		want                 bool
	}{
		{"yes", "", "trust " + pin + "\n", false, true},
		{"another pin", "", "trust sha256//other\n", false, false},
		{"another word", "", "close\n", false, false},
		{"cut", "", "trust " + pin, true, false},
		{"end", "", "", true, false},
		{"before the question", "trust " + pin + "\n", "", false, false},
		{"half before", "trust ", pin + "\n", false, false},
		{"signal", "", "", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(ends[1])
			fd, err := stream.NewFD(ends[0])
			if err != nil {
				t.Fatal(err)
			}
			defer fd.Close()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			out := make(chan struct{})
			conn := &connection{say: status.NewChannel(fd, fd), clock: startClock(500*time.Millisecond, func() { close(out) })}
			conn.facts.PeerPin = pin
			unix.Write(ends[1], []byte(c.before))
			answer := make(chan bool, 1)
			go func() { answer <- conn.answered(ctx, &verify.Error{}) }()
			if c.before == "" {
				select {
				case <-out:
					t.Error("the clock goes on")
				case <-time.After(700 * time.Millisecond):
				}
			}
			unix.Write(ends[1], []byte(c.answer))
			if c.end {
				unix.Shutdown(ends[1], unix.SHUT_WR)
			}
			if c.name == "signal" {
				cancel()
			}
			if got := <-answer; got != c.want {
				t.Errorf("the answer is %t", got)
			}
			select {
			case <-out:
			case <-time.After(5 * time.Second):
				t.Error("the clock stands still for ever")
			}
		})
	}
}
