package main

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/control"
	"tlsify/cmd/tlsify/internal/personality"
	"tlsify/pump"
	"tlsify/stream"
)

// tellLimit is how long the reader of what we have to tell has.
const tellLimit = 10 * time.Second

// parseCall makes an invocation of what we were called with: tlsify's own
// arguments or, under the name of a program whose place we take, that one's.
func parseCall(argv []string) (*invocation, error) {
	name := filepath.Base(argv[0])
	if !personality.Known(name) {
		return parse(argv[1:], environment())
	}
	call, err := personality.Translate(name, argv[1:], os.LookupEnv)
	if err != nil {
		err = usagef("%v", err)
	}
	var t *teller
	if call != nil {
		var tellErr error
		if t, tellErr = newTeller(call.Tell); err == nil {
			err = tellErr
		}
	}
	var d *delayed
	if err == nil && call.Prog != nil {
		d, err = newDelayed(call)
	}
	if err == nil {
		err = rearrange(call)
	}
	if err != nil {
		// Which descriptor is the network is not known yet: any may be.
		muteNetwork([]int{0, 1})
		return &invocation{form: formHelp, tell: t}, err
	}
	args := call.Args
	if call.Prog != nil {
		args = append(append(args, "--"), call.Prog...)
	}
	inv, err := parse(args, environment())
	inv.tell, inv.delayed = t, d
	if d != nil {
		inv.progIn, inv.progOut = d.numbers[1], d.numbers[2]
	}
	if err == nil && d == nil {
		err = becomeUser(call.User)
	}
	return inv, err
}

// becomeUser gives up root's rights, where we have them and are told to.
func becomeUser(ids *personality.IDs) error {
	if ids == nil || os.Geteuid() != 0 {
		return nil
	}
	return (&account{ids.UID, ids.GID}).become()
}

// teller tells the program that has called us by another name what it waits
// for.
type teller struct {
	kind personality.Kind
	fd   *stream.FD
	pass int // Handover: the descriptor to pass on
}

// rearrange puts the descriptors of a call where tlsify has them, and adds to
// its arguments where the network has gone.
func rearrange(call *personality.Call) error {
	if call.Complaints > 0 && isNull(2) && sameFile(0, 1) && checkAccess(call.Complaints, toWrite) == "" {
		unix.Dup2(call.Complaints, 2)
	}
	if n := call.Network; n != nil {
		in, err := unix.FcntlInt(uintptr(n.In), unix.F_DUPFD, 3)
		if err != nil {
			return usagef("descriptor %d is not open", n.In)
		}
		network := itoa(in)
		if n.Out != n.In && !sameFile(n.In, n.Out) {
			out, err := unix.FcntlInt(uintptr(n.Out), unix.F_DUPFD, 3)
			if err != nil {
				return usagef("descriptor %d is not open", n.Out)
			}
			network += "," + itoa(out)
		}
		call.Args = append(call.Args, "--net-fd="+network)
	}
	if p := call.Plaintext; p != nil {
		for to, from := range []int{p.In, p.Out} {
			if from <= 2 {
				return usagef("descriptor %d is not free for the plaintext", from)
			}
			if err := unix.Dup2(from, to); err != nil {
				return usagef("descriptor %d is not open", from)
			}
		}
	}
	return nil
}

func newTeller(tell *personality.Tell) (*teller, error) {
	if tell == nil {
		return nil, nil
	}
	flags, err := unix.FcntlInt(uintptr(tell.FD), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC != 0 || checkAccess(tell.FD, toWrite) != "" {
		return nil, usagef("descriptor %d is not open for writing", tell.FD)
	}
	unix.CloseOnExec(tell.FD)
	t := &teller{kind: tell.Kind}
	if t.fd, err = stream.NewFD(tell.FD); err != nil || tell.Kind != personality.Handover {
		return t, err
	}
	ends, err := newSocketPair()
	if err != nil {
		return nil, usagef("no socket can be made for the caller: %v", err)
	}
	for n := range 2 {
		if err := unix.Dup2(ends[0], n); err != nil {
			return nil, usagef("descriptor %d: %v", n, err)
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

// ready tells that the handshake is made.
func (t *teller) ready(f *facts) error {
	if t == nil {
		return nil
	}
	t.fd.SetWriteDeadline(time.Now().Add(tellLimit))
	var err error
	switch t.kind {
	case personality.Variables:
		_, err = t.fd.Write(f.variables())
	case personality.Handover:
		err = unix.Sendmsg(t.fd.Number(), []byte("socket"), unix.UnixRights(t.pass), nil, unix.MSG_NOSIGNAL)
		unix.Close(t.pass)
	}
	if err != nil {
		return &pump.LocalError{Err: err}
	}
	t.done()
	return nil
}

// failed tells why there will be no stream, where there is a way to.
func (t *teller) failed(text string) {
	if t == nil || t.fd == nil {
		return
	}
	if t.kind == personality.Ending {
		t.fd.SetWriteDeadline(time.Now().Add(tellLimit))
		t.fd.Write([]byte(control.Text(text) + "\n"))
	}
	t.done()
}

func (t *teller) done() {
	t.fd.Close()
	t.fd = nil
}

// variables are the facts as UCSPI-TLS has them, each ended by a NUL, and one
// NUL more. One without a value is not set.
func (f *facts) variables() []byte {
	var all []byte
	add := func(name, value string) {
		all = append(all, name...)
		if value != "" {
			all = append(append(all, '='), value...)
		}
		all = append(all, 0)
	}
	add("SSL_PROTOCOL", f.state.Version.String())
	add("SSL_CIPHER", f.state.Cipher.String())
	add("SSL_TLS_SNI_SERVERNAME", f.state.ServerName)
	hash, subject := "", ""
	if f.leaf != nil {
		sum := sha256.Sum256(f.leaf.Raw)
		hash, subject = "SHA256:"+hex.EncodeToString(sum[:]), control.Text(f.leaf.Subject.String())
	}
	add("SSL_PEER_CERT_HASH", hash)
	add("SSL_PEER_CERT_SUBJECT", subject)
	return append(all, 0)
}
