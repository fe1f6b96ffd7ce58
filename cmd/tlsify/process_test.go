package main

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// launch is a tlsify that is about to be started, with what it will find on
// each of its descriptors. Whatever is said of it, it finds /dev/null on 0 and
// has what it says on 1, 2 and, as its control channel, 3 taken down.
//
// Descriptors are raw ones here: package os would make some of them
// non-blocking, and that is one of the things to test.
type launch struct {
	testing.TB
	fds     map[int]int // the child's, and ours that it is to be
	env     []string
	program string   // what to start; tlsify, if it is empty
	prefix  []string // the arguments before those of tlsify
	control string   // --control-fd; empty: none
	out     *captured
	err     *captured
	said    *captured
}

func newLaunch(t testing.TB) *launch {
	t.Helper()
	keepInherited()
	l := &launch{TB: t, fds: map[int]int{}, env: os.Environ(), control: "3"}
	l.give(0, openRaw(t, "/dev/null", unix.O_RDONLY))
	l.out, l.err, l.said = l.capture(1), l.capture(2), l.capture(3)
	return l
}

// keepInherited keeps what the test itself has inherited from its children.
var keepInherited = sync.OnceFunc(func() {
	for _, n := range inherited() {
		if n > 2 {
			unix.CloseOnExec(n)
		}
	}
})

// give makes our descriptor raw the child's n. It is closed when the child has
// been started.
func (l *launch) give(n, raw int) {
	if old, ok := l.fds[n]; ok && old != raw {
		closeUnlessShared(l.fds, n)
	}
	l.fds[n] = raw
}

// leaveOut makes the child's n a closed one.
func (l *launch) leaveOut(n int) {
	closeUnlessShared(l.fds, n)
	delete(l.fds, n)
}

func closeUnlessShared(fds map[int]int, n int) {
	for other, raw := range fds {
		if other != n && raw == fds[n] {
			return
		}
	}
	unix.Close(fds[n])
}

// feed gives the child a pipe to read from, and returns our end.
func (l *launch) feed(n int) *os.File {
	l.Helper()
	r, w := pipeRaw(l)
	l.give(n, r)
	unix.SetNonblock(w, true) // our end can have deadlines then
	end := os.NewFile(uintptr(w), "feed")
	l.Cleanup(func() { end.Close() })
	return end
}

// capture gives the child a pipe to write to, and takes down what comes.
func (l *launch) capture(n int) *captured {
	l.Helper()
	r, w := pipeRaw(l)
	l.give(n, w)
	return capture(os.NewFile(uintptr(r), "capture"))
}

// socket gives the child one end of a socketpair, on each of these, and
// returns ours.
func (l *launch) socket(ns ...int) *net.UnixConn {
	l.Helper()
	ours, theirs := socketRaw(l)
	for _, n := range ns {
		l.give(n, theirs)
	}
	return connOf(l, ours)
}

// quietly has the child without a control channel.
func (l *launch) quietly() {
	l.leaveOut(3)
	l.control = ""
}

// start starts it, with FORM and its arguments.
func (l *launch) start(args ...string) *child {
	l.Helper()
	if l.control != "" {
		args = slices.Insert(slices.Clone(args), 1, "--control-fd="+l.control)
	}
	program, err := exec.LookPath(cmp.Or(l.program, "tlsify"))
	if err != nil {
		l.Fatal(err)
	}
	most := 0
	for n := range l.fds {
		most = max(most, n+1)
	}
	files := make([]uintptr, most)
	for n := range files {
		files[n] = ^uintptr(0)
		if raw, ok := l.fds[n]; ok {
			files[n] = uintptr(raw)
		}
	}
	pid, err := syscall.ForkExec(program, slices.Concat([]string{filepath.Base(program)}, l.prefix, args), &syscall.ProcAttr{Env: l.env, Files: files})
	if err != nil {
		l.Fatal(err)
	}
	var closed []int
	for _, raw := range l.fds {
		if !slices.Contains(closed, raw) {
			closed = append(closed, raw)
			unix.Close(raw)
		}
	}
	c := &child{launch: l, pid: pid, ended: make(chan struct{})}
	go func() {
		for {
			if _, err := syscall.Wait4(pid, &c.status, 0, nil); err != syscall.EINTR {
				close(c.ended)
				return
			}
		}
	}()
	l.Cleanup(func() {
		select {
		case <-c.ended:
		default:
			c.signal(syscall.SIGKILL)
			<-c.ended
		}
	})
	return c
}

// child is a tlsify that was started.
type child struct {
	*launch
	pid    int
	ended  chan struct{}
	status syscall.WaitStatus
}

func (c *child) signal(s syscall.Signal) { syscall.Kill(c.pid, s) }

// await waits until the control channel has said a line with this keyword, and
// returns what stands behind it.
func (c *child) await(keyword string) string {
	c.Helper()
	value := ""
	if !becomes(func() bool {
		for line := range strings.Lines(c.said.text()) {
			word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			if word == keyword && strings.HasSuffix(line, "\n") {
				value = rest
				return true
			}
		}
		return false
	}) {
		c.Fatalf("no line %q: %s", keyword, c.report())
	}
	return value
}

// wait waits until it ends, and returns its exit status: 1000 and more where
// a signal ended it.
func (c *child) wait() int {
	c.Helper()
	select {
	case <-c.ended:
	case <-time.After(patience):
		c.signal(syscall.SIGKILL)
		<-c.ended
		c.Errorf("it did not end: %s", c.report())
	}
	if c.status.Signaled() {
		return 1000 + int(c.status.Signal())
	}
	return c.status.ExitStatus()
}

// expect waits until it ends and checks how: the status, on the command line
// and in the last line of the control channel; before that lines that match
// the patterns, in order; a line for people exactly where there was an error;
// and no sign of a crash.
func (c *child) expect(status int, patterns ...string) {
	c.Helper()
	if got := c.wait(); got != status {
		c.Errorf("status %d, want %d", got, status)
	}
	people := c.err.all()
	if strings.Contains(people, "panic") || strings.Contains(people, "goroutine ") {
		c.Errorf("it crashed")
	}
	if c.control != "" {
		text := strings.TrimSuffix(c.said.all(), "\n")
		lines := strings.Split(text, "\n")
		if last := lines[len(lines)-1]; last != fmt.Sprintf("end %d", status) {
			c.Errorf("the last line of the control channel is %q", last)
		}
		if missing := outOfOrder(lines, patterns); missing != "" {
			c.Errorf("no line, in this place, matches %s", missing)
		}
		if failed := strings.Contains(text, "\nerror "); failed != (people != "") {
			c.Errorf("there is an error: %v; a line for people: %q", failed, people)
		}
	}
	if people != "" && (!strings.HasPrefix(people, "tlsify: ") || strings.Count(people, "\n") != 1) {
		c.Errorf("this is no line for people: %q", people)
	}
	if c.Failed() {
		c.Log(c.report())
	}
}

// report is everything that is known of it.
func (c *child) report() string {
	return fmt.Sprintf("\ncontrol: %s\ndescriptor 2: %s\ndescriptor 1: %.300q", c.said.text(), c.err.text(), c.out.text())
}

// captured is what comes out of a pipe.
type captured struct {
	mu    sync.Mutex
	buf   strings.Builder
	ended chan struct{}
}

func capture(r io.ReadCloser) *captured {
	c := &captured{ended: make(chan struct{})}
	go func() {
		defer close(c.ended)
		defer r.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := r.Read(buf)
			c.mu.Lock()
			c.buf.Write(buf[:n])
			c.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return c
}

// text is what has come so far.
func (c *captured) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buf.String()
}

// all waits for the end of file.
func (c *captured) all() string {
	select {
	case <-c.ended:
	case <-time.After(patience):
	}
	return c.text()
}

func openRaw(t testing.TB, path string, flags int) int {
	t.Helper()
	n, err := unix.Open(path, flags|unix.O_CLOEXEC, 0o600)
	if err != nil {
		t.Fatal(path, err)
	}
	return n
}

func pipeRaw(t testing.TB) (r, w int) {
	t.Helper()
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	return p[0], p[1]
}

func socketRaw(t testing.TB) (a, b int) {
	t.Helper()
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return p[0], p[1]
}

// connOf makes a connection of our end of a socketpair.
func connOf(t testing.TB, raw int) *net.UnixConn {
	t.Helper()
	f := os.NewFile(uintptr(raw), "socket")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { c.Close() })
	return c.(*net.UnixConn)
}

// rawOf duplicates a connection's descriptor, for a child.
func rawOf(t testing.TB, c syscall.Conn) int {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	n := -1
	raw.Control(func(fd uintptr) { n, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 10) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}
