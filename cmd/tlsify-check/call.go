package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// call is a PROGRAM that is about to be started, with what it will find on each
// of its descriptors. Whatever is not changed: /dev/null on 0, and what it says
// on 1, 2 and its control channel, 3, is taken down.
//
// Descriptors are raw ones here: package os makes some of them non-blocking,
// and what becomes of that is one of the things to see.
type call struct {
	*trial
	fds     map[int]int // the child's, and ours that it is to be
	env     []string
	control string // --control-fd; empty: none
	out     *captured
	err     *captured
	said    *captured
}

func (t *trial) call() *call {
	c := &call{trial: t, fds: map[int]int{}, env: os.Environ(), control: "3"}
	if t.engine != "" {
		c.setenv("TLSIFY_ENGINE=" + t.engine)
	}
	t.cleanup(func() { // where it was never started
		for n := range c.fds {
			c.leaveOut(n)
		}
	})
	c.give(0, t.open("/dev/null", unix.O_RDONLY))
	c.out, c.err, c.said = c.capture(1), c.capture(2), c.capture(3)
	return c
}

// setenv sets variables of the child's, NAME=VALUE.
func (c *call) setenv(entries ...string) {
	for _, entry := range entries {
		name, _, _ := strings.Cut(entry, "=")
		c.env = slices.DeleteFunc(c.env, func(e string) bool { return strings.HasPrefix(e, name+"=") })
		c.env = append(c.env, entry)
	}
}

// systemRoots has the child take a file for the system's roots.
func (c *call) systemRoots(file string) {
	c.setenv("SSL_CERT_FILE="+file, "SSL_CERT_DIR=")
	c.env = slices.DeleteFunc(c.env, func(e string) bool { return e == "SSL_CERT_DIR=" })
}

// give makes our descriptor raw the child's n, and no longer ours.
func (c *call) give(n, raw int) {
	c.leaveOut(n)
	c.fds[n] = raw
}

// leaveOut makes the child's n a closed one.
func (c *call) leaveOut(n int) {
	raw, ok := c.fds[n]
	delete(c.fds, n)
	if !ok {
		return
	}
	for _, other := range c.fds {
		if other == raw {
			return
		}
	}
	unix.Close(raw)
}

// giveConn gives the child a duplicate of a connection's descriptor.
func (c *call) giveConn(n int, conn syscall.Conn) { c.give(n, c.rawOf(conn)) }

// feed gives the child a pipe to read from, and returns our end.
func (c *call) feed(n int) *os.File {
	r, w := c.pipe()
	c.give(n, r)
	return c.asFile(w)
}

// capture gives the child a pipe to write to, and takes down what comes.
func (c *call) capture(n int) *captured {
	r, w := c.pipe()
	c.give(n, w)
	return take(c.asFile(r))
}

// socket gives the child one end of a socketpair, on each of these, and
// returns ours.
func (c *call) socket(ns ...int) *net.UnixConn {
	ours, theirs := c.socketPair()
	for _, n := range ns {
		c.give(n, theirs)
	}
	return c.unixConn(ours)
}

// controlSocket has a socket for the control channel, and returns our end.
func (c *call) controlSocket() *net.UnixConn {
	ours := c.socket(3)
	c.said = take(ours)
	return ours
}

// quietly has the child without a control channel.
func (c *call) quietly() {
	c.leaveOut(3)
	c.control = ""
}

// start starts it: the form, and its arguments.
func (c *call) start(args ...string) *run {
	if c.control != "" {
		args = slices.Insert(slices.Clone(args), 1, "--control-fd", c.control)
	}
	most := 0
	for n := range c.fds {
		most = max(most, n+1)
	}
	files := make([]uintptr, most)
	for n := range files {
		files[n] = ^uintptr(0)
		if raw, ok := c.fds[n]; ok {
			files[n] = uintptr(raw)
		}
	}
	pid, err := syscall.ForkExec(c.program[0], slices.Concat(c.program, args), &syscall.ProcAttr{
		Env: c.env, Files: files,
		// A program that waits for ever does not outlive us. (Threads do not end here.)
		Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
	})
	for n := range c.fds {
		c.leaveOut(n)
	}
	c.must(err)
	r := &run{call: c, pid: pid, ended: make(chan struct{})}
	go func() {
		for {
			if _, err := syscall.Wait4(pid, &r.state, 0, nil); err != syscall.EINTR {
				close(r.ended)
				return
			}
		}
	}()
	c.cleanup(func() {
		select {
		case <-r.ended:
		default:
			r.signal(syscall.SIGKILL)
			<-r.ended
		}
	})
	return r
}

// run is a PROGRAM that was started.
type run struct {
	*call
	pid   int
	ended chan struct{}
	state syscall.WaitStatus
}

func (r *run) signal(s syscall.Signal) { syscall.Kill(r.pid, s) }

// status waits until it ends: 1000 and more where a signal ended it, and -1
// where it did not end.
func (r *run) status() int {
	select {
	case <-r.ended:
	case <-time.After(r.patience):
		return -1
	}
	if r.state.Signaled() {
		return 1000 + int(r.state.Signal())
	}
	return r.state.ExitStatus()
}

// waits gives it longer than the patience to end: a limit of the contract's own.
func (r *run) waits(limit time.Duration) {
	select {
	case <-r.ended:
	case <-time.After(limit):
	}
}

// expect waits until it ends and checks its status, and that lines of the
// control channel match the patterns, in this order.
func (r *run) expect(status int, patterns ...string) {
	switch got := r.status(); {
	case got == -1:
		r.fatal("it did not end within %v%s", r.patience, r.report())
	case got != status:
		r.fatal("status %d, want %d%s", got, status, r.report())
	}
	if missing := outOfOrder(r.lines(), patterns); missing != "" {
		r.fatal("no line, in this place, matches %q%s", missing, r.report())
	}
}

// expectError is expect for an end with a CODE.
func (r *run) expectError(status int, code string) {
	r.expect(status, "error ("+code+")( .*)?")
}

// saysSoon tells whether it ends with this, or the same after PROG was given.
func (r *run) saysSoon(code string, status int) bool {
	got := r.status()
	return (got == status || got == 100+status) && outOfOrder(r.lines(), []string{"error (" + code + ")( .*)?"}) == ""
}

// await waits until the control channel has said a line with this keyword, and
// returns what stands behind it.
func (r *run) await(keyword string) string {
	value, found, over := "", false, false
	r.becomes(func() bool {
		over = r.said.over() // before the last look
		for _, line := range complete(r.said.text()) {
			word, rest, _ := strings.Cut(line, " ")
			if found = word == keyword; found {
				value = rest
				break
			}
		}
		return found || over
	})
	switch {
	case !found && over:
		r.fatal("the control channel has ended without a line %q%s", keyword, r.report())
	case !found:
		r.fatal("no line %q within %v%s", keyword, r.patience, r.report())
	}
	return value
}

// lines are what the control channel said, all of it: it waits for its end.
func (r *run) lines() []string {
	if r.control == "" {
		return nil
	}
	return complete(r.said.all(r.patience))
}

// values are what stands behind a keyword, once for each line.
func (r *run) values(keyword string) (all []string) {
	for _, line := range r.lines() {
		if word, rest, _ := strings.Cut(line, " "); word == keyword {
			all = append(all, rest)
		}
	}
	return all
}

// report is everything that is known of it.
func (r *run) report() string {
	select {
	case <-r.ended: // what it said last may still be under way
		for _, c := range []*captured{r.said, r.err, r.out} {
			c.all(time.Second)
		}
	default:
	}
	said := certificateLine.ReplaceAllString(r.said.text(), "$1...")
	return fmt.Sprintf("\ncontrol: %s\ndescriptor 2: %s\ndescriptor 1: %s",
		quoteTo(2000, said), quote(r.err.text()), quote(r.out.text()))
}

// certificateLine is one that would leave no room for the others in a report.
var certificateLine = regexp.MustCompile(`(?m)^(peer-certificate \d+ .{8}).*`)

// complete are the lines of a text that have come to their end.
func complete(text string) []string {
	lines, _, ok := strings.CutLast(text, "\n")
	if !ok {
		return nil
	}
	return strings.Split(lines, "\n")
}

// outOfOrder returns the first pattern that no line matches which comes behind
// the line of the pattern before.
func outOfOrder(lines, patterns []string) string {
	for _, pattern := range patterns {
		whole := regexp.MustCompile("^(?:" + pattern + ")$")
		at := slices.IndexFunc(lines, whole.MatchString)
		if at < 0 {
			return pattern
		}
		lines = lines[at+1:]
	}
	return ""
}

// captured is what comes out of a descriptor.
type captured struct {
	mu    sync.Mutex
	buf   strings.Builder
	ended chan struct{}
}

func take(r io.Reader) *captured {
	c := &captured{ended: make(chan struct{})}
	go func() {
		defer close(c.ended)
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

// takeRights takes down what comes on a control socket, and gives the
// descriptors that come along.
func takeRights(control *net.UnixConn, said *captured, rights chan<- int) {
	defer close(said.ended)
	buf, oob := make([]byte, 64<<10), make([]byte, 64)
	for {
		n, oobn, _, _, err := control.ReadMsgUnix(buf, oob)
		if messages, _ := unix.ParseSocketControlMessage(oob[:max(oobn, 0)]); len(messages) > 0 {
			fds, _ := unix.ParseUnixRights(&messages[0])
			for _, fd := range fds {
				unix.CloseOnExec(fd)
				rights <- fd
			}
		}
		said.mu.Lock()
		said.buf.Write(buf[:max(n, 0)])
		said.mu.Unlock()
		if err != nil || n <= 0 {
			return
		}
	}
}

// text is what has come so far.
func (c *captured) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buf.String()
}

// over tells whether there was an end of file.
func (c *captured) over() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// all waits for the end of file.
func (c *captured) all(patience time.Duration) string {
	select {
	case <-c.ended:
	case <-time.After(patience):
	}
	return c.text()
}
