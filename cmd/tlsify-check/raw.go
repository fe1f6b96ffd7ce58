package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What is made here is closed with the trial, or by whoever it is given to.

func (t *trial) open(path string, flags int) int {
	n, err := unix.Open(path, flags|unix.O_CLOEXEC, 0o600)
	t.must(err)
	return n
}

func (t *trial) pipe() (r, w int) {
	p := make([]int, 2)
	t.must(unix.Pipe2(p, unix.O_CLOEXEC))
	return p[0], p[1]
}

func (t *trial) socketPair() (a, b int) {
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	t.must(err)
	return p[0], p[1]
}

// unixSocket is one end of a pair of a type; the other is closed with the trial.
func (t *trial) unixSocket(kind int) int {
	p, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
	t.must(err)
	t.kept(p[0])
	return p[1]
}

// listening is a socket that listens.
func (t *trial) listening() int {
	raw, _ := t.bound()
	listens := t.dup(raw)
	t.must(unix.Listen(listens, 1))
	return listens
}

func (t *trial) dup(raw int) int {
	n, err := unix.FcntlInt(uintptr(raw), unix.F_DUPFD_CLOEXEC, 10)
	t.must(err)
	return n
}

// kept has a raw descriptor closed at the end.
func (t *trial) kept(raw int) int {
	t.cleanup(func() { unix.Close(raw) })
	return raw
}

// asFile makes a file of our end of a pipe. It has deadlines.
func (t *trial) asFile(raw int) *os.File {
	unix.SetNonblock(raw, true)
	f := os.NewFile(uintptr(raw), "pipe")
	f.SetDeadline(t.deadline())
	t.cleanup(func() { f.Close() })
	return f
}

// unixConn makes a connection of our end of a socketpair.
func (t *trial) unixConn(raw int) *net.UnixConn {
	f := os.NewFile(uintptr(raw), "socket")
	defer f.Close()
	c, err := net.FileConn(f)
	t.must(err)
	c.SetDeadline(t.deadline())
	t.cleanup(func() { c.Close() })
	return c.(*net.UnixConn)
}

// rest reads to the end of file, or until the patience is at an end.
func (t *trial) rest(c net.Conn) string {
	c.SetReadDeadline(time.Now().Add(t.patience))
	all, err := io.ReadAll(c)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.fault("the caller hears of no end within %v, behind %s", t.patience, quote(string(all)))
	}
	return string(all)
}

// rawOf duplicates a connection's descriptor.
func (t *trial) rawOf(c syscall.Conn) int {
	raw, err := c.SyscallConn()
	t.must(err)
	n := -1
	t.must(raw.Control(func(fd uintptr) { n, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 10) }))
	t.must(err)
	unix.SetNonblock(n, false)
	return n
}

// tcpPair is a connection over loopback.
func (t *trial) tcpPair() (ours, theirs *net.TCPConn) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	t.must(err)
	defer l.Close()
	a, err := net.Dial("tcp4", l.Addr().String())
	t.must(err)
	b, err := l.Accept()
	t.must(err)
	for _, c := range []net.Conn{a, b} {
		c.SetDeadline(t.deadline())
		t.cleanup(func() { c.Close() })
	}
	return a.(*net.TCPConn), b.(*net.TCPConn)
}

// bound is a socket that does not listen: at its address connections are
// refused.
func (t *trial) bound() (raw int, address string) {
	raw, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	t.must(err)
	t.kept(raw)
	t.must(unix.Bind(raw, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	name, err := unix.Getsockname(raw)
	t.must(err)
	return raw, fmt.Sprintf("127.0.0.1:%d", name.(*unix.SockaddrInet4).Port)
}

// deadline is for what has no other limit: longer than the longest of the
// contract's own.
func (t *trial) deadline() time.Time { return time.Now().Add(3*t.patience + 90*time.Second) }

// flags are the file status flags of descriptors.
func (t *trial) flags(raws []int) (all []int) {
	for _, raw := range raws {
		flags, err := unix.FcntlInt(uintptr(raw), unix.F_GETFL, 0)
		t.must(err)
		all = append(all, flags)
	}
	return all
}

// unread is how many bytes wait in a socket or pipe.
func unread(raw int) int {
	n, err := countUnread(raw)
	if err != nil {
		return -1
	}
	return n
}

// now reads what a pipe holds at this moment.
func now(raw int) string {
	unix.SetNonblock(raw, true)
	var b strings.Builder
	buf := make([]byte, 64<<10)
	for {
		n, err := unix.Read(raw, buf)
		if n <= 0 || err != nil {
			return b.String()
		}
		b.Write(buf[:n])
	}
}

// fill writes to a descriptor until it takes no more.
func fill(raw int) {
	unix.SetNonblock(raw, true)
	defer unix.SetNonblock(raw, false)
	for _, size := range []int{4096, 1} {
		for err := error(nil); err == nil; {
			_, err = unix.Write(raw, []byte(strings.Repeat("\n", size)))
		}
	}
}
