package main

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/verify"
)

// listenTarget is where to listen: one of package net's networks, and an
// address for it.
type listenTarget struct{ network, address string }

// listenAddress reads the address of listen: HOST:PORT, :PORT for every
// address, or unix:PATH. Port 0 lets the kernel choose.
func (p *parser) listenAddress(s string) error {
	if p.inv.prog == nil {
		return usagef("listen needs a program behind --")
	}
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		p.inv.listen = listenTarget{"unix", path}
		return nil
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return usagef("%q is not HOST:PORT (an IPv6 address stands in brackets)", cut(s))
	}
	if host != "" {
		if _, err := verify.ParseName(host); err != nil {
			return usagef("%v", err)
		}
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return usagef("%q is not a port", cut(port))
	}
	p.inv.listen = listenTarget{"tcp", s}
	return nil
}

// listen accepts connections and starts one accept process for each, until a
// signal ends it. Connections that stand go on.
func listen(ctx context.Context, inv *invocation) (int, error) {
	if _, err := findProgram(inv.prog[0]); err != nil {
		return 0, err
	}
	listener, err := net.Listen(inv.listen.network, inv.listen.address)
	if err != nil {
		return 0, usagef("cannot listen: %v", err)
	}
	stop := context.AfterFunc(ctx, func() { listener.Close() })
	defer stop()
	address := listener.Addr().String()
	if inv.listen.network == "unix" {
		address = "unix:" + address
	}
	inv.control.Say("listening", address)
	for {
		conn, err := listener.Accept()
		switch {
		case ctx.Err() != nil:
			return 0, context.Cause(ctx)
		case errors.Is(err, net.ErrClosed):
			return 0, usagef("the listening socket was closed")
		case err != nil:
			// Out of descriptors or memory: what is there is better served
			// than nothing.
			complain("tlsify: cannot accept a connection: " + err.Error())
			time.Sleep(100 * time.Millisecond)
			continue
		}
		if err := spawn(inv, conn.(syscall.Conn)); err != nil {
			complain("tlsify: cannot serve a connection: " + err.Error())
		}
		conn.Close()
	}
}

// spawn starts an accept for one connection, which it gets as descriptor 0.
// What options-fd and fd:N gave us is handed on in memory files under the same
// numbers, so that nothing private comes to stand in the child's arguments.
func spawn(inv *invocation, conn syscall.Conn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(null)
	most := 3
	for n := range inv.handed {
		most = max(most, n+1)
	}
	files := inheritable(most, inv.fds, null)
	for n, content := range inv.handed {
		memory, err := memoryFile(content)
		if err != nil {
			return err
		}
		defer unix.Close(memory)
		files[n] = uintptr(memory)
	}
	var pid int
	var forkErr error
	err = raw.Control(func(fd uintptr) {
		files[0] = fd
		pid, forkErr = syscall.ForkExec("/proc/self/exe", append([]string{os.Args[0]}, inv.acceptArgs...), &syscall.ProcAttr{Env: os.Environ(), Files: files})
	})
	if err = errors.Join(err, forkErr); err != nil {
		return err
	}
	go func() {
		for {
			if _, err := syscall.Wait4(pid, nil, 0, nil); err != syscall.EINTR {
				return
			}
		}
	}()
	return nil
}

// acceptArgs makes the arguments of an accept out of those of listen: without
// the address, and without the control channel, which is listen's own. What
// came by an options descriptor will come by it again.
func (p *parser) acceptArgs() []string {
	args := []string{string(formAccept)}
	for _, o := range options {
		if o.Name == "control-fd" {
			continue
		}
		for _, value := range p.words.values[o.Name] {
			if o.Arg == "" {
				args = append(args, "--"+o.Name)
			} else {
				args = append(args, "--"+o.Name+"="+value)
			}
		}
	}
	return append(append(args, "--"), p.words.prog...)
}

// memoryFile puts content into an anonymous file, to be read from its start.
func memoryFile(content []byte) (int, error) {
	n, err := unix.MemfdCreate("tlsify", unix.MFD_CLOEXEC)
	if err != nil {
		return -1, os.NewSyscallError("memfd_create", err)
	}
	for len(content) > 0 {
		written, err := unix.Write(n, content)
		if err != nil {
			unix.Close(n)
			return -1, os.NewSyscallError("write", err)
		}
		content = content[written:]
	}
	if _, err := unix.Seek(n, 0, 0); err != nil {
		unix.Close(n)
		return -1, os.NewSyscallError("lseek", err)
	}
	return n, nil
}
