// Package listener takes connections, and has a process serve each. It bounds how many
// connections, handshakes and processes its clients can cause.
//
// It must not know TLS beyond the beginning of the first record, and has no keys. Start
// reading at [Run]; admission.go decides who is let in and who has a turn.
package listener

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/acquire"
	"tlsify/cmd/tlsify/internal/facts"
	"tlsify/cmd/tlsify/internal/invocation"
	"tlsify/cmd/tlsify/internal/process"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/stream"
)

// Run accepts connections and starts one accept process for each, until a
// signal ends it. Established connections go on.
func Run(ctx context.Context, inv *acquire.Resources) error {
	sockets, err := open(ctx, inv.Listen.Target)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	} else if err != nil {
		return status.Usagef("cannot listen: %s", status.NetText(err))
	}
	id := identityOf(inv.Listen.Target)
	removed := sync.OnceFunc(func() { remove(inv.Listen.Target, id) }) // once: then its number may be another's
	defer removed()
	if err := inv.Listen.User.Become(); err != nil {
		return err
	}
	if err := canRead(inv); err != nil {
		return err
	}
	tellUnreadable(inv)
	if err := inv.Sandbox.TellMissing(inv.Say.Note); err != nil {
		return err
	}
	process.ReserveThreads(len(sockets) + mostSpawning + mostSigning + 1)
	asked := inv.Listen.Admission.Connections
	inv.Listen.Admission = fit(inv.Listen.Admission, len(sockets))
	s := newService(inv)
	if most := inv.Listen.Admission.Connections; most < asked {
		s.admission.most = fmt.Sprintf("what the system allows, %d at a time by its limits on descriptors and threads,", most)
	}
	defer s.notices.Close(finishLimit)
	ended := make(chan error, len(sockets))
	for _, socket := range sockets {
		inv.Say.Control.Say("listening", boundAddress(socket.Number()))
		go func() { ended <- s.serve(socket) }()
	}
	err = s.until(ctx, ended)
	if ctx.Err() != nil {
		for _, socket := range sockets {
			socket.Stop()
		}
		for range sockets {
			<-ended
		}
		removed() // another may listen there from now on
		for _, socket := range sockets {
			socket.Close()
		}
		s.finish()
	}
	return err
}

// finish waits for the handshakes under way, for as long as a flood would leave them:
// whose handshake succeeds needs us to start PROG.
func (s *service) finish() {
	s.pool.empty()
	for end := time.Now().Add(handshakeGrace); s.startsPrograms && s.admission.shakesHands() && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
}

// finishLimit is how long the reader of our lines for people has for the last of
// them.
const finishLimit = time.Second

// service serves those who come to any of the sockets.
type service struct {
	inv       *acquire.Resources
	children  *children
	limit     time.Duration // of a handshake
	admission *admission
	notices   *status.Log
	// controlFD is the accepts' descriptor of their control channel, on which
	// they tell us that the handshake is over; and errorsFD that of what PROG has
	// as 2. The accepts themselves have nothing there: what the runtime says of
	// its end would be many lines, and would wait for their reader.
	controlFD, errorsFD int
	doorFD              int // of the door: door.go

	// startsPrograms tells that PROG is started here, when an accept asks for it,
	// and not by the accept. It takes descriptors of processes.
	startsPrograms                  bool
	environment, programEnvironment []string // of accepts, and of PROG

	spawning chan struct{} // who is starting a process
	pool     pool

	mu sync.RWMutex // of inv, which is replaced as a whole
}

func newService(inv *acquire.Resources) *service {
	handles := process.Handles() // which has a child, before children reaps them all
	s := &service{inv: inv, startsPrograms: handles, limit: inv.Limits.Handshake, children: newChildren(), admission: newAdmission(inv.Listen.Admission, time.Now),
		notices:  status.NewLog(func(line string) { status.WriteWaiting("tlsify: " + line) }),
		spawning: make(chan struct{}, mostSpawning)}
	s.environment, s.programEnvironment = handedOn(os.Environ()), handedOn(facts.Inherited(process.Environ()))
	s.controlFD = s.free(invocation.FirstGiven)
	s.errorsFD = s.free(s.controlFD + 1)
	s.doorFD = s.free(s.errorsFD + 1)
	s.pool = pool{start: s.start, dismiss: s.dismiss, room: func() int {
		if !s.current().SignsItself() {
			return 0
		}
		return min(mostReady, s.admission.room()/readyShare)
	}}
	return s
}

// free is a number, from least on, that is neither handed to the accepts nor
// inherited by PROG.
func (s *service) free(least int) int {
	for n := least; ; n++ {
		flags, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0)
		_, handed := s.inv.HandedOn.Memory[n]
		handed = handed || s.inv.Keys.Process != nil && n == s.inv.HandedOn.SignerFD
		if !handed && (err != nil || flags&unix.FD_CLOEXEC != 0) {
			return n
		}
	}
}

// serve accepts on one socket for as long as that can be done.
func (s *service) serve(socket *stream.FD) error {
	for {
		if err := socket.WaitReadable(); err != nil {
			return err
		}
		conn, client, err := acceptOn(socket.Number())
		switch err {
		case nil:
			s.receive(conn, client)
		case unix.EINTR, unix.EAGAIN, unix.ECONNABORTED:
		case unix.EBADF, unix.EFAULT, unix.EINVAL, unix.ENOTSOCK:
			return os.NewSyscallError("accept", err)
		default:
			// Too little of something: what is there is better served than
			// nothing. Or the connection's own failure, accept(2) says which.
			s.notices.Tell("accept", "listener", "cannot accept a connection: "+err.Error())
			s.admission.makeRoom()
			time.Sleep(100 * time.Millisecond)
		}
	}
}

// lookupLimit is how long the look-up of a name to listen at may take.
const lookupLimit = 30 * time.Second

// open opens the sockets to accept on. Those that a service manager has given
// us are its own, too: their flags and options stay as they are.
func open(ctx context.Context, t invocation.Target) ([]*stream.FD, error) {
	if len(t.Given) > 0 {
		var sockets []*stream.FD
		for _, n := range t.Given {
			if on, err := unix.GetsockoptInt(n, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || on == 0 {
				return nil, fmt.Errorf("descriptor %d is no listening socket", n)
			}
			unix.CloseOnExec(n)
			socket, err := stream.NewFD(n)
			if err != nil {
				return nil, err
			}
			sockets = append(sockets, socket)
		}
		return sockets, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	var plain net.ListenConfig
	plain.SetMultipathTCP(false) // or it would be, by itself: kernel TLS and keepalive are TCP's
	listener, err := plain.Listen(ctx, t.Network, t.Address)
	if errors.Is(err, unix.EACCES) && t.Network != "unix" {
		err = fmt.Errorf("%s: a low port is root's, who leaves off being root by --user, or a service manager's to open", status.NetText(err))
	}
	if errors.Is(err, unix.EINVAL) && isLinkLocal(err) {
		err = fmt.Errorf("%s: a link-local address needs an interface that is there, as in fe80::1%%eth0", status.Cut(t.Address))
	}
	if errors.Is(err, unix.EADDRINUSE) && isLeft(t) {
		err = fmt.Errorf("%s: the socket is left from a listener that has died, and nobody listens there: remove it", status.Cut(t.Address))
	}
	if err != nil {
		return nil, err
	}
	if unixListener, ok := listener.(*net.UnixListener); ok {
		unixListener.SetUnlinkOnClose(false)
	}
	defer listener.Close()
	n, err := stream.Duplicate(listener.(syscall.Conn), invocation.FirstGiven)
	if err != nil {
		return nil, err
	}
	if t.Network != "unix" {
		noticeVanished(n)
	}
	socket, err := stream.NewFD(n)
	return []*stream.FD{socket}, err
}

// isLinkLocal tells whether the address that err is about is one.
func isLinkLocal(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok {
		return false
	}
	at, ok := op.Addr.(*net.TCPAddr)
	return ok && at.IP.IsLinkLocalUnicast()
}

// identityOf is what tells a socket's file from another of its name; zero where there
// is none. An abstract address (unix(7)) has none.
func identityOf(t invocation.Target) (id [2]uint64) {
	var st unix.Stat_t
	if t.Network == "unix" && !strings.HasPrefix(t.Address, "@") && unix.Lstat(t.Address, &st) == nil {
		id = [2]uint64{uint64(st.Dev), st.Ino}
	}
	return id
}

// isLeft tells whether a unix socket's file is there, and nobody listens on it.
func isLeft(t invocation.Target) bool {
	var st unix.Stat_t
	if t.Network != "unix" || unix.Lstat(t.Address, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return false
	}
	conn, err := net.DialTimeout(t.Network, t.Address, time.Second)
	if err == nil {
		conn.Close()
	}
	return errors.Is(err, unix.ECONNREFUSED)
}

// remove removes the socket's file, where it has one and that is still ours.
func remove(t invocation.Target, id [2]uint64) {
	if id != [2]uint64{} && identityOf(t) == id {
		os.Remove(t.Address)
	}
}

// boundAddress is where a socket listens.
func boundAddress(n int) string {
	address, err := unix.Getsockname(n)
	if err != nil {
		return "-"
	}
	if a, ok := address.(*unix.SockaddrUnix); ok {
		return "unix:" + a.Name
	}
	if a := facts.AddressOf(address); a.IsValid() {
		return a.String()
	}
	return "-"
}

// canRead checks that whoever the listener has become can read what its accepts
// will.
func canRead(inv *acquire.Resources) error {
	for _, file := range inv.Listen.Reread {
		opened, err := os.OpenFile(file.Name, os.O_RDONLY|unix.O_NONBLOCK, 0) // a FIFO's writer is not waited for
		if err != nil {
			text := status.PathText(err)
			if inv.Listen.User != nil {
				text += ", for user " + inv.Listen.User.String()
			}
			return status.Usagef("--%s: %s", file.Option, text)
		}
		info, err := opened.Stat()
		opened.Close()
		if err == nil && !info.Mode().IsRegular() && !info.IsDir() {
			return status.Usagef("--%s: %s is read again for each connection, and can be read but once: give a file, or fd:N", file.Option, status.Cut(file.Name))
		}
	}
	return nil
}
