// Package caller keeps what the programs expect that call tlsify by another
// name: where their descriptors are, and how they are told that the handshake is
// made (package personality has their arguments).
//
// It must not know of options. Start reading at [Rearrange] and [Teller]; UCSPI-TLS
// is in ucspi_tls.go.
package caller

import (
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/control"
	"tlsify/cmd/tlsify/internal/descriptor"
	"tlsify/cmd/tlsify/internal/facts"
	"tlsify/cmd/tlsify/internal/personality"
	"tlsify/cmd/tlsify/internal/privilege"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/pump"
	"tlsify/stream"
)

// tellLimit is how long the reader of what we have to tell has.
const tellLimit = 10 * time.Second

// BecomeUser gives up root's rights, where we have them and are told to.
func BecomeUser(ids *personality.IDs) error {
	if ids == nil || os.Geteuid() != 0 {
		return nil
	}
	return privilege.Numbered(ids.UID, ids.GID).Become()
}

// Teller tells the program that has called us by another name what it waits
// for.
type Teller struct {
	Kind personality.Kind
	FD   *stream.FD
	pass int // Handover: the descriptor to pass on
}

// Rearrange puts the descriptors of a call where tlsify has them, and adds to
// its arguments where the network has gone.
func Rearrange(call *personality.Call) error {
	if call.Complaints > 0 && isNull(2) && descriptor.SameFile(0, 1) && descriptor.CheckAccess(call.Complaints, descriptor.ToWrite) == "" {
		unix.Dup2(call.Complaints, 2)
	}
	if n := call.Network; n != nil {
		in, err := unix.FcntlInt(uintptr(n.In), unix.F_DUPFD, 3)
		if err != nil {
			return status.Usagef("descriptor %d is not open", n.In)
		}
		network := strconv.Itoa(in)
		if n.Out != n.In && !descriptor.SameFile(n.In, n.Out) {
			out, err := unix.FcntlInt(uintptr(n.Out), unix.F_DUPFD, 3)
			if err != nil {
				return status.Usagef("descriptor %d is not open", n.Out)
			}
			network += "," + strconv.Itoa(out)
		}
		call.Args = append(call.Args, "--net-fd="+network)
	}
	if p := call.Plaintext; p != nil {
		for to, from := range []int{p.In, p.Out} {
			if from <= 2 {
				return status.Usagef("descriptor %d is not free for the plaintext", from)
			}
			if err := unix.Dup2(from, to); err != nil {
				return status.Usagef("descriptor %d is not open", from)
			}
		}
	}
	return nil
}

func NewTeller(tell *personality.Tell) (*Teller, error) {
	if tell == nil {
		return nil, nil
	}
	flags, err := unix.FcntlInt(uintptr(tell.FD), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC != 0 || descriptor.CheckAccess(tell.FD, descriptor.ToWrite) != "" {
		return nil, status.Usagef("descriptor %d is not open for writing", tell.FD)
	}
	unix.CloseOnExec(tell.FD)
	t := &Teller{Kind: tell.Kind}
	if t.FD, err = stream.NewFD(tell.FD); err != nil || tell.Kind != personality.Handover {
		return t, err
	}
	ends, err := descriptor.SocketPair()
	if err != nil {
		return nil, status.Usagef("no socket can be made for the caller: %v", err)
	}
	for n := range 2 {
		if err := unix.Dup2(ends[0], n); err != nil {
			return nil, status.Usagef("descriptor %d: %v", n, err)
		}
	}
	unix.Close(ends[0])
	t.pass = ends[1]
	return t, nil
}

// isNull tells whether descriptor n is /dev/null.
func isNull(n int) bool {
	var here, null unix.Stat_t
	return unix.Fstat(n, &here) == nil && unix.Stat("/dev/null", &null) == nil && here.Mode&unix.S_IFMT == unix.S_IFCHR && here.Rdev == null.Rdev
}

// Ready tells that the handshake is made.
func (t *Teller) Ready(f *facts.Facts) error {
	if t == nil {
		return nil
	}
	t.FD.SetWriteDeadline(time.Now().Add(tellLimit))
	var err error
	switch t.Kind {
	case personality.Variables:
		_, err = t.FD.Write(f.Variables())
	case personality.Handover:
		err = unix.Sendmsg(t.FD.Number(), []byte("socket"), unix.UnixRights(t.pass), nil, unix.MSG_NOSIGNAL)
		unix.Close(t.pass)
	}
	if err != nil {
		return &pump.LocalError{Err: err}
	}
	t.done()
	return nil
}

// Failed tells why there will be no stream, where there is a way to.
func (t *Teller) Failed(text string) {
	if t == nil || t.FD == nil {
		return
	}
	if t.Kind == personality.Ending {
		t.FD.SetWriteDeadline(time.Now().Add(tellLimit))
		t.FD.Write([]byte(control.Text(text) + "\n"))
	}
	t.done()
}

func (t *Teller) done() {
	t.FD.Close()
	t.FD = nil
}
