package caller

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/facts"
	"tlsify/cmd/tlsify/internal/personality"
	"tlsify/cmd/tlsify/internal/process"
	"tlsify/cmd/tlsify/internal/status"
)

// Delayed is PROG by UCSPI-TLS: it runs from the beginning, speaks in clear on
// the network, and asks for TLS when it comes to that, by a byte on a socket
// that it finds in SSLCTLFD; from then on its plaintext is on SSLREADFD and
// SSLWRITEFD. With the byte y it hears no more; with Y it is told what was
// negotiated, on the same socket.
type Delayed struct {
	Network [2]int // what PROG has as 0 and 1; -1: as they are
	Control [2]int // the two ends of the control socket, ours first
	Numbers []int  // PROG's, of its end of that, and of what it reads and writes TLS on
	unset   []string
	user    *personality.IDs // whose rights are enough once PROG runs
	Tell    *Teller          // once it has asked by Y
}

// ErrUnasked is the end of PROG, or of its interest in TLS.
var ErrUnasked = errors.New("no TLS was asked for")

// newDelayed sets the network aside for PROG, where it is on 0 and 1, on which
// nothing of it is left when the arguments have been read.
func newDelayed(call *personality.Call) (*Delayed, error) {
	d := &Delayed{Network: [2]int{-1, -1}, unset: call.Unset, user: call.User}
	if call.Network.In <= 2 {
		for n := range d.Network {
			var err error
			if d.Network[n], err = unix.FcntlInt(uintptr(n), unix.F_DUPFD_CLOEXEC, 3); err != nil {
				return nil, status.Usagef("descriptor %d is not open", n)
			}
		}
	}
	var err error
	if d.Control, err = process.SocketPair(); err != nil {
		return nil, status.Usagef("no control socket can be made: %v", err)
	}
	// The lowest numbers that are not inherited: a shell has but one digit.
	for n, taken := 3, process.Inherited(); len(d.Numbers) < 3; n++ {
		if !slices.Contains(taken, n) {
			d.Numbers = append(d.Numbers, n)
		}
	}
	return d, nil
}

// Descriptors are PROG's beside the plaintext, and which of ours each is.
func (d *Delayed) Descriptors() map[int]int {
	if d == nil {
		return nil
	}
	given := map[int]int{d.Numbers[0]: d.Control[1]}
	for n, raw := range d.Network {
		if raw >= 0 {
			given[n] = raw
		}
	}
	return given
}

// Environment is what PROG finds.
func (d *Delayed) Environment() []string {
	env := slices.DeleteFunc(process.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return facts.IsProgVariable(name) || slices.Contains(d.unset, name)
	})
	return append(env, "SSLCTLFD="+strconv.Itoa(d.Numbers[0]), "SSLREADFD="+strconv.Itoa(d.Numbers[1]), "SSLWRITEFD="+strconv.Itoa(d.Numbers[2]))
}

// Ready tells PROG what was negotiated, if it wants to know.
func (d *Delayed) Ready(f *facts.Facts) error {
	if d == nil {
		return nil
	}
	return d.Tell.Ready(f)
}

// Drop gives up root's rights: PROG runs.
func (d *Delayed) Drop() error { return becomeUser(d.user) }
