package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/control"
	"tlsify/cmd/tlsify/internal/descriptor"
	"tlsify/cmd/tlsify/internal/facts"
	"tlsify/cmd/tlsify/internal/notices"
	"tlsify/cmd/tlsify/internal/program"
	"tlsify/cmd/tlsify/internal/restart"
	"tlsify/cmd/tlsify/internal/source"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/stream"
	"tlsify/verify"
)

// listenTarget is where to listen: one of package net's networks, and an
// address for it; or the descriptors of sockets that listen already.
type listenTarget struct {
	network, address string
	given            []int
}

// firstGiven is where the sockets that a service manager has opened for us
// begin.
const firstGiven = 3

// givenSockets reads what systemd's sd_listen_fds(3) does: the number of
// sockets in LISTEN_FDS, meant for us only if LISTEN_PID is our own.
func (p *parser) givenSockets() (listenTarget, error) {
	count, err := strconv.Atoi(p.env["LISTEN_FDS"])
	if p.env["LISTEN_PID"] != strconv.Itoa(os.Getpid()) || err != nil || count < 1 || count > 64 {
		return listenTarget{}, status.Usagef("listen needs an address, as 127.0.0.1:8443 or [::1]:0 or unix:PATH, or sockets from a service manager")
	}
	var t listenTarget
	for n := firstGiven; n < firstGiven+count; n++ {
		if err := p.fds.Claim(n, "LISTEN_FDS", descriptor.ToRead); err != nil {
			return listenTarget{}, err
		}
		t.given = append(t.given, n)
	}
	return t, nil
}

// listenAddress reads the address of listen: HOST:PORT, :PORT for every
// address, unix:PATH, or fd:N for an inherited socket. Port 0 lets the kernel
// choose.
func (p *parser) listenAddress(s string) error {
	if n, ok := source.Descriptor(s); ok {
		p.inv.listen = listenTarget{given: []int{n}}
		if p.fds.Claim(n, "listen", descriptor.ToRead) != nil {
			return status.Usagef("%s is no descriptor that was inherited and is free", status.Cut(s))
		}
		return nil
	}
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		p.inv.listen = listenTarget{network: "unix", address: path}
		return nil
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return status.Usagef("%q is not HOST:PORT (an IPv6 address stands in brackets)", status.Cut(s))
	}
	if host != "" {
		if _, err := verify.ParseName(host); err != nil {
			return status.Usagef("%v", err)
		}
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return status.Usagef("%q is not a port", status.Cut(port))
	}
	p.inv.listen = listenTarget{network: "tcp", address: s}
	return nil
}

// listen accepts connections and starts one accept process for each, until a
// signal ends it. Connections that stand go on.
func listen(ctx context.Context, inv *invocation) (int, error) {
	if _, err := program.Find(inv.prog[0]); err != nil {
		return 0, err
	}
	sockets, err := inv.listen.open()
	if err != nil {
		return 0, status.Usagef("cannot listen: %v", err)
	}
	defer inv.listen.remove()
	if err := inv.user.Become(); err != nil {
		return 0, err
	}
	if err := inv.canRead(); err != nil {
		return 0, err
	}
	var signingEnded chan struct{} // never, where there is none
	if inv.keys.Process != nil {
		signingEnded = inv.keys.Process.Ended
	}
	s := newService(inv)
	defer s.notices.Close(finishLimit)
	ended := make(chan error, len(sockets))
	for _, socket := range sockets {
		inv.control.Say("listening", boundAddress(socket.Number()))
		go func() { ended <- s.serve(socket) }()
	}
	select {
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	case <-signingEnded:
		return 0, &status.Failure{Status: status.Internal, Code: "internal", Text: "the signing process has ended"}
	case err := <-ended:
		return 0, status.Usagef("cannot accept connections: %v", err)
	}
}

// service serves those who come to any of the sockets.
type service struct {
	inv       *invocation
	children  *children
	admission *admission
	notices   *notices.Log
	// controlFD is the accepts' descriptor of their control channel, on which
	// they tell us that the handshake is over.
	controlFD int
}

func newService(inv *invocation) *service {
	s := &service{inv: inv, children: newChildren(), admission: newAdmission(inv.admission, time.Now), notices: notices.New(func(line string) { notices.WriteWaiting("tlsify: " + line) }), controlFD: firstGiven}
	// A number that is neither handed to the accepts nor inherited by PROG.
	for ; ; s.controlFD++ {
		flags, err := unix.FcntlInt(uintptr(s.controlFD), unix.F_GETFD, 0)
		_, handed := inv.handed[s.controlFD]
		handed = handed || inv.keys.Process != nil && s.controlFD == inv.signerFD
		if !handed && (err != nil || flags&unix.FD_CLOEXEC != 0) {
			return s
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
			s.notices.Say("accept", "listener", "cannot accept a connection: "+err.Error())
			s.admission.makeRoom()
			time.Sleep(100 * time.Millisecond)
		}
	}
}

// open opens the sockets to accept on. Those that a service manager has given
// us are its own, too: their flags stay as they are.
func (t listenTarget) open() ([]*stream.FD, error) {
	if len(t.given) > 0 {
		var sockets []*stream.FD
		for _, n := range t.given {
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
	listener, err := net.Listen(t.network, t.address)
	if err != nil {
		return nil, err
	}
	if unixListener, ok := listener.(*net.UnixListener); ok {
		unixListener.SetUnlinkOnClose(false)
	}
	defer listener.Close()
	n, err := descriptor.Own(listener.(syscall.Conn), firstGiven)
	if err != nil {
		return nil, err
	}
	socket, err := stream.NewFD(n)
	return []*stream.FD{socket}, err
}

// remove removes the socket's file, where it has one.
func (t listenTarget) remove() {
	if t.network == "unix" {
		os.Remove(t.address)
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

// spawn starts an accept for one connection, which it gets as descriptor 0.
// What options-fd and fd:N gave us is handed on in memory files under the same
// numbers, so that nothing private comes to stand in the child's arguments.
func (s *service) spawn(v *visitor, conn int) error {
	inv := s.inv
	null, err := descriptor.OpenNull()
	if err != nil {
		return err
	}
	defer unix.Close(null)
	most := max(s.controlFD, inv.signerFD) + 1
	for n := range inv.handed {
		most = max(most, n+1)
	}
	files := descriptor.Inheritable(most, inv.fds, null)
	for n, content := range inv.handed {
		memory, err := descriptor.MemoryFile(content)
		if err != nil {
			return err
		}
		defer unix.Close(memory)
		files[n] = uintptr(memory)
	}
	if inv.keys.Process != nil {
		toSigner, err := inv.keys.Process.Connect()
		if err != nil {
			return err
		}
		defer unix.Close(toSigner)
		files[inv.signerFD] = uintptr(toSigner)
	}
	said, err := descriptor.Pipe()
	if err != nil {
		return os.NewSyscallError("pipe", err)
	}
	defer unix.Close(said[1])
	files[0], files[s.controlFD] = uintptr(conn), uintptr(said[1])
	pid, err := s.children.start(descriptor.OwnProgram, restart.Args(slices.Concat([]string{os.Args[0], heardWord},
		[]string{"--control-fd=" + strconv.Itoa(s.controlFD)}, inv.acceptArgs[1:])),
		&syscall.ProcAttr{Env: inv.acceptEnv, Files: files},
		func(syscall.WaitStatus) { s.admission.over(v) })
	if err != nil {
		unix.Close(said[0])
		return os.NewSyscallError("fork", err)
	}
	s.admission.started(v, func() { s.children.kill(pid) })
	unix.SetNonblock(said[0], true) // the runtime can wait for all of them together then
	go s.hear(v, os.NewFile(uintptr(said[0]), "control"))
	return nil
}

// hear listens to an accept until its end: for the end of its handshake, and for
// what people are to be told of.
func (s *service) hear(v *visitor, said *os.File) {
	defer said.Close()
	for lines := bufio.NewReaderSize(said, 512); ; {
		line, more, err := lines.ReadLine()
		if err != nil {
			return
		}
		keyword, value, _ := strings.Cut(string(line), " ")
		switch {
		case keyword == "ready" && !more:
			s.admission.established(v)
		case keyword == "error":
			code, text, _ := strings.Cut(value, " ")
			s.notices.Say(code, v.client, control.Unescape(text)+" ("+code+")")
		}
		for more && err == nil {
			_, more, err = lines.ReadLine()
		}
	}
}
