package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/engine/enginetest"
	"tlsify/engine/enginetest/raced"
)

// listening starts a listener with the good chain, which ends with the test.
func listening(t testing.TB, args ...string) *daemon {
	t.Helper()
	l, err := startListener(os.Stderr, os.Environ(), append(identity(t), args...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.stop(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// What came to a listener by descriptors reaches its children by descriptors,
// and stands in nobody's arguments or environment.
func TestSecretsNeverInArguments(t *testing.T) {
	t.Parallel()
	pki := pkiFiles(t)
	l := newLaunch(t)
	key, options := l.feed(8), l.feed(9)
	tlsify := l.start("listen", "--cert", pki+"/good.pem", "--key", "fd:8", "--options-fd", "9", "127.0.0.1:0", "--", "prog", "cat")
	copyTo(t, key, pki+"/good.key")
	fmt.Fprint(options, "alpn private-protocol\nhandshake-timeout 5s\n\n")
	config := clientConfig(t)
	config.NextProtos = []string{"private-protocol"}
	var clients []*client
	for range 2 { // the second child must find them, too
		c, err := dialClient(tlsify.await("listening"), config)
		if err != nil {
			t.Fatal(err)
		}
		clients = append(clients, c)
		io.WriteString(c, "line\n")
		line := make([]byte, len("line\n"))
		if _, err := io.ReadFull(c, line); err != nil || c.ConnectionState().NegotiatedProtocol != "private-protocol" {
			t.Errorf("%q, %v", line, err)
		}
	}
	accepts := acceptsOf(tlsify.pid)
	if len(accepts) < 2 { // some may wait for a connection
		t.Errorf("the listener has the children %v", accepts)
	}
	for _, pid := range append(accepts, tlsify.pid) {
		for _, file := range []string{"cmdline", "environ"} {
			text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), file))
			if file == "environ" && os.IsPermission(err) {
				continue // nobody but root can read it
			}
			if err != nil || strings.Contains(string(text), "private-protocol") || strings.Contains(string(text), "PRIVATE KEY") {
				t.Errorf("%s of %d: %v, %q", file, pid, err, text)
			}
		}
	}
	for _, c := range clients {
		c.talk("")
		c.noter.Close()
	}
	tlsify.signal(syscall.SIGTERM)
	tlsify.expect(143, "tlsify 1 std", "listening .*", "end 143")
}

// A connection that fails does not end the listener, and the reason is told.
func TestListenerOutlivesBadClients(t *testing.T) {
	t.Parallel()
	log, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	l, err := startListener(log, os.Environ(), append(identity(t), "127.0.0.1:0", "--", "prog", "cat")...)
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"GET / HTTP/1.0\r\n\r\n", "", "\x16\x03\x01\xff\xff"} {
		c, err := dialRaw(l.address)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, mode)
		c.CloseWrite()
		io.ReadAll(c)
		c.Close()
	}
	untrusting := clientConfig(t)
	untrusting.RootCAs = enginetest.PKI(t).Other.Pool()
	if _, err := dialClient(l.address, untrusting); err == nil {
		t.Error("the client trusts a root that it does not have")
	}
	// One whose time is over when it has the server's messages, as a database's client
	// with a deadline: "the peer closed the connection" did not say when.
	raw, err := dialRaw(l.address)
	if err != nil {
		t.Fatal(err)
	}
	leaving := clientConfig(t)
	leaving.VerifyConnection = func(tls.ConnectionState) error {
		raw.CloseWrite()
		io.ReadAll(raw)
		return os.ErrDeadlineExceeded
	}
	tls.Client(raw, leaving).Handshake()
	raw.Close()
	c, err := dialClient(l.address, clientConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	if got, how := c.talk("still here"); got != "still here" || how != "close_notify" {
		t.Errorf("got %q, end %s", got, how)
	}
	c.noter.Close()
	if !becomes(func() bool { return len(childrenOf(l.process.Pid)) == 0 }) {
		t.Error("the listener still has children")
	}
	if err := l.stop(); err != nil {
		t.Error(err)
	}
	said, _ := os.ReadFile(log.Name())
	for _, part := range []string{"HTTP request", "the client left before its first message", "(tls-protocol)", "(tls-alert)", "the peer closed the connection in the middle of the handshake (network-io)"} {
		if !strings.Contains(string(said), part) {
			t.Errorf("%q is not told: %s", part, said)
		}
	}
	if n := strings.Count(string(said), "\n"); n != 5 || strings.Contains(string(said), "panic") {
		t.Errorf("%d lines for 5 bad clients: %s", n, said)
	}
}

// A listener removes its own socket's file, and no other that has come to have
// its name.
func TestListenersRemoveTheirOwn(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/socket"
	start := func() *daemon {
		l, err := startListener(nil, os.Environ(), append(identity(t), "unix:"+path, "--", "prog", "cat")...)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	first := start()
	os.Remove(path)
	second := start()
	if err := first.stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error("the other listener's socket is gone")
	}
	if err := second.stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a listener's own socket is left")
	}
}

// A listener that waits, at its end, for the reader of its lines removed the socket of another
// that had come to listen there meanwhile: file systems give a file's number to the next.
func TestListenersRemoveTheirOwnOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := dir + "/socket"
	unread, log, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer unread.Close()
	defer log.Close()
	unix.FcntlInt(log.Fd(), unix.F_SETPIPE_SZ, 4096)
	l, err := startListener(log, os.Environ(), append(identity(t), "unix:"+path, "--", "prog", "cat")...)
	if err != nil {
		t.Fatal(err)
	}
	log.Write(make([]byte, 4096)) // there is no room at all
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(c, "GET / HTTP/1.0\r\n\r\n")
	io.ReadAll(c) // it is refused, which makes a line
	c.Close()
	own, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- l.stop() }()
	gone := func() bool { _, err := os.Stat(path); return err != nil }
	if !becomes(gone) {
		t.Fatal("the listener's socket is left")
	}
	same := false
	for i := 0; i < 200 && !same && len(ended) == 0; i++ {
		name := dir + "/" + strconv.Itoa(i)
		if os.WriteFile(name, nil, 0o600) != nil {
			t.Fatal("no file can be made")
		}
		if info, err := os.Stat(name); err == nil && os.SameFile(info, own) {
			same = os.Rename(name, path) == nil
		}
		time.Sleep(time.Millisecond)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if !same {
		t.Skip("this file system gives another number to the next file")
	}
	if gone() {
		t.Error("the other's file is gone")
	}
}

// The socket's file of a listener that was killed is in the way of the next, which says what
// to do; and it says so of nothing else.
func TestListenerFindsASocketLeft(t *testing.T) {
	path := t.TempDir() + "/socket"
	args := append([]string{"listen"}, append(identity(t), "unix:"+path, "--", "prog", "cat")...)
	first := newLaunch(t).start(args...)
	first.await("listening")
	newLaunch(t).start(args...).expect(1, "error usage cannot listen: .*address already in use")
	first.signal(syscall.SIGKILL)
	first.wait()
	newLaunch(t).start(args...).expect(1, "error usage cannot listen: .*left from a listener that has died.*")
	os.Remove(path)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	newLaunch(t).start(args...).expect(1, "error usage cannot listen: .*address already in use")
}

// A reader of descriptor 2 that stands still holds nobody up.
func TestNobodyReadsTheLines(t *testing.T) {
	t.Parallel()
	unread, log, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer unread.Close()
	unix.FcntlInt(log.Fd(), unix.F_SETPIPE_SZ, 4096)
	log.Write(make([]byte, 4096)) // there is no room at all
	l, err := startListener(log, os.Environ(), append(identity(t), "127.0.0.1:0", "--", "prog", "cat")...)
	log.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer l.stop()
	for i := range 200 {
		c, err := dialRaw(l.address)
		if err != nil {
			t.Fatal(err)
		}
		if io.WriteString(c, "GET / HTTP/1.0\r\n\r\n"); i%10 == 0 {
			c.CloseWrite()
			io.ReadAll(c)
		}
		c.Close()
	}
	untrusting := clientConfig(t)
	untrusting.RootCAs = enginetest.PKI(t).Other.Pool()
	for range 5 {
		dialClient(l.address, untrusting) // fails in the accept's own process
	}
	c, err := dialClient(l.address, clientConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	if got, how := c.talk("still here"); got != "still here" || how != "close_notify" {
		t.Errorf("got %q, end %s", got, how)
	}
	c.noter.Close()
	if !becomes(func() bool { return len(childrenOf(l.process.Pid)) == 0 }) {
		t.Error("a process waits for the reader")
	}
}

// Connections that stand go on when the listener has been told to end.
func TestConnectionsOutliveListener(t *testing.T) {
	t.Parallel()
	l, err := startListener(nil, os.Environ(), append(identity(t), "127.0.0.1:0", "--", "prog", "upper")...)
	if err != nil {
		t.Fatal(err)
	}
	c, err := dialClient(l.address, clientConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.noter.Close()
	if err := l.stop(); err != nil {
		t.Error(err)
	}
	if got, how := c.talk("orphan"); got != "ORPHAN" || how != "close_notify" {
		t.Errorf("got %q, end %s", got, how)
	}
}

// A handshake that was under way when the listener was told to end has its PROG, too.
func TestHandshakesOutliveTheSignal(t *testing.T) {
	t.Parallel()
	l, err := startListener(nil, os.Environ(), append(identity(t), "127.0.0.1:0", "--", "prog", "upper")...)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := dialRaw(l.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ended := make(chan error, 1)
	// The server's flight is there, and the client's is not yet sent.
	config := clientConfig(t)
	config.VerifyConnection = func(tls.ConnectionState) error {
		go func() { ended <- l.stop() }()
		if !becomes(func() bool {
			refused, err := net.Dial("tcp4", l.address)
			if err == nil {
				refused.Close()
			}
			return err != nil
		}) {
			return errors.New("it still listens")
		}
		return nil
	}
	c, err := newClient(conn, config)
	if err != nil {
		t.Fatal(err)
	}
	if got, how := c.talk("orphan"); got != "ORPHAN" || how != "close_notify" {
		t.Errorf("got %q, end %s", got, how)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A service manager may have opened the socket: sd_listen_fds(3). It is then
// not for the children, nor are the variables.
func TestListenOnGivenSocket(t *testing.T) {
	t.Parallel()
	socket, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := newLaunch(t)
	l.give(3, rawOf(t, socket.(*net.TCPListener)))
	said := l.capture(4)
	l.control = ""
	// The variables name the process that they are for.
	program, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("needs sh")
	}
	l.program = program
	l.env = append(l.env, "LISTEN_FDS=1", "LISTEN_FDNAMES=tls")
	tlsify := l.start("-c", `export LISTEN_PID=$$; exec tlsify "$@"`, "sh", "listen", "--control-fd=4",
		"--cert", pkiFiles(t)+"/good.pem", "--key", pkiFiles(t)+"/good.key", "--", "sh", "-c", "env | grep LISTEN; prog fds")
	if !becomes(func() bool { return strings.Contains(said.text(), "listening "+socket.Addr().String()+"\n") }) {
		t.Fatalf("it does not listen: %s, %s", said.text(), l.err.text())
	}
	for range 2 {
		c, err := dialClient(socket.Addr().String(), clientConfig(t))
		if err != nil {
			t.Fatal(err)
		}
		if got, how := c.talk(""); got != "[0 1 2]\n" || how != "close_notify" {
			t.Errorf("PROG says %q, and ends with %s", got, how)
		}
		c.noter.Close()
	}
	tlsify.signal(syscall.SIGTERM)
	if status := tlsify.wait(); status != 143 {
		t.Errorf("status %d", status)
	}
	socket.Close()
}

// 0.0.0.0 was taken for every address of IPv6, too, which a firewall for IPv4 alone
// leaves open to all.
func TestListenOnIPv4(t *testing.T) {
	t.Parallel()
	if socket, err := net.Listen("tcp6", "[::1]:0"); err != nil {
		t.Skip("needs IPv6")
	} else {
		socket.Close()
	}
	l := newLaunch(t)
	tlsify := l.start(slices.Concat([]string{"listen"}, identity(t), []string{"0.0.0.0:0", "--", "prog", "fds"})...)
	port, ok := strings.CutPrefix(tlsify.await("listening"), "0.0.0.0:")
	if !ok {
		t.Error("it listens at other addresses, too")
	}
	if conn, err := net.Dial("tcp", "[::1]:"+port); err == nil {
		conn.Close()
		t.Error("it takes a connection over IPv6")
	}
	tlsify.signal(syscall.SIGTERM)
	tlsify.expect(143, "listening .*", "end 143")
}

// A listener that looked a name up took no notice of SIGTERM, for as long as the DNS was
// silent. What is silent here is the hosts file.
func TestListenerLooksUp(t *testing.T) {
	t.Parallel()
	if exec.Command("unshare", "-m", "true").Run() != nil {
		t.Skip("needs the right to mount a file system")
	}
	fifo := t.TempDir() + "/hosts"
	if err := syscall.Mkfifo(fifo, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		slices.Concat([]string{"listen"}, identity(t), []string{"peer.test:0", "--", "prog", "fds"}),
		{"fingerprint", "--listen", "peer.test:0"},
	} {
		l := newLaunch(t)
		l.program = "unshare"
		l.control = ""
		begun := l.capture(4)
		tlsify := l.start(slices.Concat([]string{"-m", "sh", "-c", `mount --bind "$0" /etc/hosts && echo begins >&4 && exec tlsify "$@"`, fifo}, args)...)
		if !becomes(func() bool { return begun.text() == "begins\n" }) {
			t.Fatalf("it does not begin: %s", l.err.text())
		}
		time.Sleep(300 * time.Millisecond)
		asked := time.Now()
		tlsify.signal(syscall.SIGTERM)
		if status := tlsify.wait(); status != 143 {
			t.Errorf("status %d: %s", status, l.err.text())
		}
		if took := time.Since(asked); took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
	}
}

// A listening socket may be inherited by number, without any variables.
func TestListenOnDescriptor(t *testing.T) {
	t.Parallel()
	socket, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	l := newLaunch(t)
	l.give(7, rawOf(t, socket.(*net.TCPListener)))
	tlsify := l.start(slices.Concat([]string{"listen"}, identity(t), []string{"fd:7", "--", "prog", "fds"})...)
	if at := tlsify.await("listening"); at != socket.Addr().String() {
		t.Errorf("it listens on %s", at)
	}
	c, err := dialClient(socket.Addr().String(), clientConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	if got, how := c.talk(""); got != "[0 1 2]\n" || how != "close_notify" {
		t.Errorf("PROG says %q, and ends with %s", got, how)
	}
	c.noter.Close()
	tlsify.signal(syscall.SIGTERM)
	tlsify.expect(143, "listening .*", "end 143")
}

// Many connections, at once and one after the other, leave nothing behind in
// the listener: no descriptor, no child, no memory; and no descriptor in the process that
// signs. `make soak` has more.
func TestListenerKeepsNothing(t *testing.T) {
	sequential := number(os.Getenv("TLSIFY_SOAK_SEQUENTIAL"), 500)
	parallel := number(os.Getenv("TLSIFY_SOAK_PARALLEL"), 100)
	// None is unfinished for so long on a busy machine that it has to make room.
	l := listening(t, "--max-handshakes="+strconv.Itoa(parallel), "127.0.0.1:0", "--", "cat")
	config := clientConfig(t)
	visit := func(i int) error {
		c, err := dialClient(l.address, config)
		if err != nil {
			return err
		}
		defer c.noter.Close()
		text := fmt.Sprintf("connection %d", i)
		if got, how := c.talk(text); got != text || how != "close_notify" {
			return fmt.Errorf("%q came back for %q; end %s", got, text, how)
		}
		return nil
	}
	atOnce := func() usage {
		var standing sync.WaitGroup
		for i := range parallel {
			standing.Go(func() {
				if err := visit(i); err != nil {
					t.Errorf("parallel connection %d: %v", i, err)
				}
			})
		}
		standing.Wait()
		if !becomes(func() bool { return len(childrenOf(l.process.Pid)) == 0 }) {
			t.Errorf("the listener still has children: %v", childrenOf(l.process.Pid))
		}
		return restingUsage(t, l.process.Pid)
	}
	// The first lot gives the heap, and the runtime's pool of threads, their
	// size.
	before := atOnce()
	signs := findSigning(l.process.Pid)
	signing := restingUsage(t, signs)
	for i := range sequential {
		if err := visit(i); err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
	}
	after := atOnce()
	t.Logf("%d sequential, %d parallel; before %+v, after %+v", sequential, parallel, before, after)
	if after.descriptors > before.descriptors {
		t.Errorf("%d descriptors, after %d", after.descriptors, before.descriptors)
	}
	if !becomes(func() bool { return usageOf(t, signs).descriptors <= signing.descriptors }) {
		t.Errorf("%d descriptors in the process that signs, after %d", usageOf(t, signs).descriptors, signing.descriptors)
	}
	if grown := after.memory - before.memory; grown > raced.Times()*6<<10 {
		t.Errorf("the memory has grown by %d kB, from %d", grown, before.memory)
	}
}

// usage is what a process has.
type usage struct{ descriptors, memory, threads int }

// restingUsage is what it has when what is on its way out has gone.
func restingUsage(t testing.TB, pid int) (u usage) {
	t.Helper()
	becomes(func() bool {
		last := u.descriptors
		u = usageOf(t, pid)
		time.Sleep(50 * time.Millisecond)
		return u.descriptors == last
	})
	return u
}

func usageOf(t testing.TB, pid int) (u usage) {
	t.Helper()
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	list, err := os.ReadDir(dir + "/fd")
	if err != nil && !os.IsPermission(err) { // which nobody but root has
		t.Fatal(err)
	}
	u.descriptors = len(list)
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		fields := strings.Fields(line)
		switch {
		case len(fields) > 1 && fields[0] == "RssAnon:":
			u.memory = number(fields[1], 0) // kB
		case len(fields) > 1 && fields[0] == "Threads:":
			u.threads = number(fields[1], 0)
		}
	}
	return u
}

// Where visitors keep coming, processes wait for them, each for one connection.
// When nobody comes any more, or the listener ends, none is left.
func TestAcceptsWait(t *testing.T) {
	t.Parallel()
	l, err := startListener(os.Stderr, os.Environ(), append(identity(t), "127.0.0.1:0", "--", "prog", "cat")...)
	if err != nil {
		t.Fatal(err)
	}
	accepts := func() []int { return acceptsOf(l.process.Pid) }
	visit := func() {
		c, err := dialClient(l.address, clientConfig(t))
		if err != nil {
			t.Fatal(err)
		}
		there := accepts()
		if got, _ := c.talk("visit"); got != "visit" {
			t.Errorf("got %q", got)
		}
		c.noter.Close()
		if !becomes(func() bool {
			return slices.ContainsFunc(there, func(pid int) bool { return !slices.Contains(accepts(), pid) })
		}) {
			t.Fatalf("of %v, which one has served, and goes on", there)
		}
	}
	within := func(limit time.Duration, what string, holds func(waiting int) bool) {
		t.Helper()
		for deadline := time.Now().Add(limit); !holds(len(accepts())); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: %v", what, accepts())
			}
		}
	}
	some, none := func(n int) bool { return n > 0 }, func(n int) bool { return n == 0 }
	for range 2 {
		for range 4 {
			visit()
		}
		within(patience, "none waits", some)
		within(patience, "some wait still", none)
	}
	visit()
	within(patience, "none waits", some)
	waiting := accepts()
	if err := l.stop(); err != nil {
		t.Error(err)
	}
	for _, pid := range waiting {
		for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
			if stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat"); err != nil || strings.Contains(string(stat), ") Z ") {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("process %d has outlived its listener", pid)
			}
		}
	}
}
