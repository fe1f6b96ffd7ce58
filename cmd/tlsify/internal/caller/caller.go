// Package caller serves programs that call tlsify by another program's name. It puts
// their descriptors where tlsify expects them, and tells them that the handshake is
// over in the way that they expect. Package personality translates their arguments.
//
// It must not know tlsify's options. Start reading at [Arguments] and [Teller];
// UCSPI-TLS is in ucspi_tls.go.
package caller

import (
	"errors"
	"net/netip"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/facts"
	"tlsify/cmd/tlsify/internal/personality"
	"tlsify/cmd/tlsify/internal/privilege"
	"tlsify/cmd/tlsify/internal/process"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/pump"
	"tlsify/stream"
	"tlsify/verify"
)

// tellLimit is how long the reader of what we have to tell has.
const tellLimit = 10 * time.Second

// becomeUser gives up root's rights, where we have them and are told to.
func becomeUser(ids *personality.IDs) error {
	account, err := accountOfIDs(ids)
	if err != nil {
		return err
	}
	return account.Become()
}

// accountOfIDs is whom we are to become, or nil.
func accountOfIDs(ids *personality.IDs) (*privilege.Account, error) {
	if ids == nil || os.Geteuid() != 0 {
		return nil, nil
	}
	if ids.Invalid != "" {
		return nil, status.Usagef("%s", ids.Invalid)
	}
	uid, gid := ids.UID, ids.GID
	if uid < 0 {
		uid = os.Getuid()
	}
	if gid < 0 {
		gid = os.Getgid()
	}
	return privilege.Numbered(uid, gid), nil
}

// Signs is whose rights are enough for the process that has the keys, when it has
// read them: those that we will have as well. Nil: ours.
func (c Caller) Signs() (*privilege.Account, error) {
	if c.user == nil && os.Geteuid() == 0 {
		return c.account, nil
	}
	return accountOfIDs(c.user)
}

// Caller is who has called us under another name.
type Caller struct {
	Teller  *Teller  // nil: nobody waits to be told
	Delayed *Delayed // nil: PROG does not run before there is TLS
	Name    string   // the other program's; empty: tlsify
	// Dials tells that the network is neither on 0 nor on 1.
	Dials bool
	// AnyName takes a server of whatever name; Unverified goes on where nothing
	// vouches for it; Bind is the address to dial from.
	AnyName, Unverified bool
	Bind                netip.AddrPort
	// Leaves tells that the end of its input is its leaving.
	Leaves bool
	// MaxPath is the most certificates that a path may have; 0: as by itself.
	MaxPath int
	user    *personality.IDs
	refused bool            // its arguments were
	failure *status.Failure // what went wrong, for who has other statuses
	// account is whom -user names, nil: nobody; thenUser, that PROG is not to be
	// him.
	account  *privilege.Account
	thenUser bool
	// ByFIN: our end is a FIN, and each end is one direction's. TakeFIN: the peer's
	// may be one.
	ByFIN, TakeFIN bool
}

// Arguments makes tlsify's arguments of those that it was called with under a
// name: its own, or that of a program whose place it takes, whose descriptors
// are then put where tlsify has them. With an error comes who is to be told.
func Arguments(name string, args []string) (Caller, []string, error) {
	if !personality.Known(name) {
		return Caller{}, args, nil
	}
	call, err := personality.Translate(name, args, os.Environ())
	setup := new(personality.SetupError)
	who := Caller{Name: name, Dials: name == "openssl", refused: err != nil && !errors.As(err, &setup), failure: new(status.Failure)}
	if err != nil {
		err = status.Usagef("%v", err)
	}
	if call != nil {
		who.MaxPath, who.Leaves = call.MaxPath, call.Leaves
		if call.HandOn != nil && err == nil {
			err = handOn(name, call)
		}
		var tellErr error
		if who.Teller, tellErr = newTeller(call); err == nil {
			err = tellErr
		}
	}
	if err == nil && call.Prog != nil {
		who.Delayed, err = newDelayed(call)
	}
	if err == nil {
		err = rearrange(call)
	}
	if err != nil {
		return who, nil, err
	}
	who.AnyName, who.Unverified, who.Bind = call.AnyName, call.Unverified, call.Bind
	who.user, who.ByFIN, who.TakeFIN = call.User, call.ByFIN, call.TakeFIN
	who.account, err = accountOf(call.UserName)
	if err != nil {
		return who, nil, err
	}
	args = call.Args
	if call.Then != nil {
		args = append(append(args, "--"), call.Then...)
		who.thenUser = who.account != nil
	}
	if call.Prog != nil {
		args = append(append(args, "--"), call.Prog...)
	}
	return who, args, nil
}

// Status is the other program's exit status for one of tlsify's.
func (c Caller) Status(exit int) int {
	if c.Delayed != nil {
		return exit // it is PROG's
	}
	code := ""
	if c.failure != nil {
		code = c.failure.Code
	}
	return personality.Status(c.Name, exit, code, c.refused)
}

// Failed takes note of what went wrong, and passes it on to who waits for it.
func (c Caller) Failed(f *status.Failure) {
	if c.failure != nil {
		*c.failure = *f
	}
	c.Teller.Failed(f)
}

// Advise has a policy say what to do next in the other program's words.
func (c Caller) Advise(a *verify.Advice) {
	if c.Name != "" {
		a.Trust, a.Name = personality.Advice(c.Name)
	}
}

// Settle gives up root's rights, when everything is there that took them. Where
// PROG runs before there is TLS, that waits until it has been started.
func (c Caller) Settle() error {
	if c.Delayed != nil {
		return nil
	}
	if !c.thenUser {
		if err := c.account.Become(); err != nil {
			return err
		}
	}
	return becomeUser(c.user)
}

// Teller tells the program that has called us by another name what it waits
// for.
type Teller struct {
	kind personality.Kind
	fd   *stream.FD
	pass int // Handover: the descriptor to pass on

	sClient *sClient   // of openssl s_client; nil: of another program
	info    *stream.FD // of couriertls, for what was negotiated; nil: none
}

// VariablesTo makes a teller of UCSPI-TLS's variables for a program that has asked
// for them.
func VariablesTo(fd *stream.FD) *Teller { return &Teller{kind: personality.Variables, fd: fd} }

// rearrange puts the descriptors of a call where tlsify has them, and adds to
// its arguments where the network has gone.
func rearrange(call *personality.Call) error {
	if call.NoInput {
		if err := noInput(); err != nil {
			return err
		}
	}
	if call.Complaints > 0 && isNull(2) && stream.SameFile(0, 1) && process.CheckAccess(call.Complaints, process.ToWrite) == "" {
		unix.Dup2(call.Complaints, 2)
	}
	if n := call.Network; n != nil {
		in, err := unix.FcntlInt(uintptr(n.In), unix.F_DUPFD, 3)
		if err != nil {
			return status.Usagef("descriptor %d is not open", n.In)
		}
		network := strconv.Itoa(in)
		if n.Out != n.In && !stream.SameFile(n.In, n.Out) {
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

func newTeller(call *personality.Call) (*Teller, error) {
	tell := call.Tell
	if tell == nil && !call.CRLF && call.Ciphers == nil {
		return nil, nil
	}
	if tell == nil || tell.Kind == personality.Transcript {
		return newSClient(call)
	}
	if tell.Kind == personality.Ending {
		return newCourier(tell)
	}
	flags, err := unix.FcntlInt(uintptr(tell.FD), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC != 0 || process.CheckAccess(tell.FD, process.ToWrite) != "" {
		return nil, status.Usagef("descriptor %d is not open for writing", tell.FD)
	}
	unix.CloseOnExec(tell.FD)
	t := &Teller{kind: tell.Kind}
	if t.fd, err = stream.NewFD(tell.FD); err != nil || tell.Kind != personality.Handover {
		return t, err
	}
	ends, err := process.SocketPair()
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

// Begun tells that there is a connection, of which f will be known.
func (t *Teller) Begun(f *facts.Facts) {
	if t != nil && t.sClient != nil {
		t.sClient.begun = f
	}
}

// Ready tells that the handshake is made.
func (t *Teller) Ready(f *facts.Facts) error {
	switch {
	case t == nil:
		return nil
	case t.sClient != nil:
		return t.sClient.ready(f)
	}
	deadline := time.Now().Add(tellLimit)
	if t.info != nil {
		t.info.SetWriteDeadline(deadline)
		t.info.Write(facts.Courier(f)) // nobody needs to read it
		t.info.Close()
		t.info = nil
	}
	if t.fd == nil {
		return nil
	}
	t.fd.SetWriteDeadline(deadline)
	var err error
	switch t.kind {
	case personality.Variables:
		_, err = t.fd.Write(f.Variables())
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

// Failed tells why there will be no stream, where there is a way to.
func (t *Teller) Failed(f *status.Failure) {
	switch {
	case t == nil:
		return
	case t.sClient != nil:
		t.sClient.failed(f)
		return
	case t.fd == nil:
		return
	}
	if t.kind == personality.Ending {
		t.fd.SetWriteDeadline(time.Now().Add(tellLimit))
		t.fd.Write([]byte(status.Text(f.Text) + "\n"))
	}
	t.done()
}

func (t *Teller) done() {
	t.fd.Close()
	t.fd = nil
}
