package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"tlsify/engine"
	"tlsify/engine/enginetest"
	"tlsify/pump"
)

// The tests in this file are for a kernel with TLS, as .ci/ktls boots one.

func needKernelTLS(t testing.TB) (rekeys bool) {
	t.Helper()
	there, rekeys := pump.KernelTLS()
	if !there && os.Getenv("TLSIFY_TEST_KTLS") != "" {
		t.Fatal("this kernel should have TLS")
	}
	if !there {
		t.Skip("this kernel has no TLS")
	}
	return rekeys
}

// Every engine's connection can be the kernel's, with tickets and without, and
// whichever side speaks first.
func TestKernelPump(t *testing.T) {
	needKernelTLS(t)
	for _, e := range built() {
		for _, server := range [][]string{{"echo", "tickets"}, {"late"}, {"talk", "tickets"}} {
			t.Run(e.Name()+"/"+server[0], func(t *testing.T) {
				eachStarter(t, func(t *testing.T, l *launch, c *starter) {
					s := startServer(t, server[0], server[1:]...)
					tlsify := l.start(connectTo(t, s, "--pump", "ktls", "--engine", e.Name())...)
					io.WriteString(c, "question")
					c.end()
					want := map[string]string{"echo": "question", "late": "late reply\n", "talk": "hello\n"}[server[0]]
					if got := c.out.all(); got != want {
						t.Errorf("got %q", got)
					}
					tlsify.expect(0, "pump ktls", "ready", "closed .*", "closed .*")
				})
			})
		}
	}
}

func TestKernelPumpBothWays(t *testing.T) {
	needKernelTLS(t)
	sent := make([]byte, 1<<20+17)
	rand.Read(sent)
	for _, kind := range []string{"pipes", "socket"} {
		s, l := startServer(t, "echo", "tickets"), newLaunch(t)
		c := newStarter(l, kind)
		tlsify := l.start(connectTo(t, s, "--pump", "ktls")...)
		go func() {
			c.Write(sent)
			c.end()
		}()
		if got := c.out.all(); got != string(sent) {
			t.Errorf("got %d bytes of %d", len(got), len(sent))
		}
		tlsify.expect(0, "pump ktls", "closed .*", "closed .*")
	}
}

// Every other ending is told of as without the kernel.
func TestKernelPumpEndings(t *testing.T) {
	needKernelTLS(t)
	for mode, want := range map[string]struct {
		status int
		line   string
	}{
		"fin":        {6, "error truncated .*"},
		"reset":      {7, "error network-io .*"},
		"bad-record": {7, "error tls-protocol .*"},
	} {
		t.Run(mode, func(t *testing.T) {
			l := newLaunch(t)
			c := newStarter(l, "pipes")
			tlsify := l.start(connectTo(t, startServer(t, mode), "--pump", "ktls")...)
			if got := c.out.all(); got != "hello\n" {
				t.Errorf("got %q", got)
			}
			c.end()
			tlsify.expect(want.status, "pump ktls", want.line)
		})
	}
}

// A signal that comes while a close_notify is held back is no clean end.
func TestKernelPumpStopped(t *testing.T) {
	needKernelTLS(t)
	for range 3 {
		s, l := startServer(t, "late"), newLaunch(t)
		c := newStarter(l, "pipes")
		tlsify := l.start(connectTo(t, s, "--pump", "ktls", "--eof", "hold")...)
		io.WriteString(c, "question")
		c.end()
		tlsify.await("ready")
		time.Sleep(500 * time.Millisecond) // until it is held back, on an emulated machine, too
		tlsify.signal(syscall.SIGTERM)
		tlsify.expect(143, "pump ktls", "ready")
		if notes := s.seen(t, 1); !strings.Contains(notes, `got "question"`) || strings.Contains(notes, "close_notify") {
			t.Errorf("the server saw: %s", notes)
		}
	}
}

// A server's side, and a program's plaintext.
func TestKernelPumpAccept(t *testing.T) {
	needKernelTLS(t)
	l := newLaunch(t)
	c := newStarter(l, "socket")
	ours, tlsify := acceptOver(t, l, "--pump", "ktls")
	client, err := newClient(ours, clientConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(c, "welcome")
	c.end()
	if got, how := client.talk("thanks"); got != "welcome" || how != "close_notify" {
		t.Errorf("got %q, end %s", got, how)
	}
	if got := c.out.all(); got != "thanks" {
		t.Errorf("got %q", got)
	}
	tlsify.expect(0, "pump ktls", "ready")
}

// By itself the kernel is taken only where it can follow every peer.
func TestKernelAuto(t *testing.T) {
	pumpName, handoffKind := "record", "socketpair"
	if needKernelTLS(t) {
		pumpName, handoffKind = "ktls", "ktls"
	}
	l := newLaunch(t)
	c := newStarter(l, "pipes")
	tlsify := l.start(connectTo(t, startServer(t, "late"))...)
	c.end()
	tlsify.expect(0, "pump "+pumpName, "ready")

	l = newLaunch(t)
	h := newHandoff(l)
	// Nothing is asked of the stream: that would be a socketpair.
	tlsify = l.start(append([]string{"connect", "--name", enginetest.Host, "--handoff", "auto"}, append(trusting(t), startServer(t, "quiet").address)...)...)
	h.take(tlsify)
	tlsify.await("handoff")
	if !strings.Contains(tlsify.said.text(), "handoff "+handoffKind+"\n") {
		t.Error(tlsify.report())
	}
}

// The socket itself: nothing of the peer's is missing on it, tickets are still
// to be skipped, and tlsify has left.
func TestKernelHandoff(t *testing.T) {
	needKernelTLS(t)
	for _, e := range built() {
		t.Run(e.Name(), func(t *testing.T) {
			l := newLaunch(t)
			h := newHandoff(l)
			s := startServer(t, "greet", "tickets")
			tlsify := l.start(connectTo(t, s, "--handoff", "ktls", "--engine", e.Name())...)
			n := h.take(tlsify)
			tlsify.expect(0, "verified .*", "handoff ktls", "ready", "end 0")
			if flags, err := unix.FcntlInt(uintptr(n), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK != 0 {
				t.Errorf("flags %x, %v", flags, err)
			}
			var text []byte
			for end := false; !end; {
				buf, oob := make([]byte, 20000), make([]byte, unix.CmsgSpace(1))
				got, oobn, _, _, err := unix.Recvmsg(n, buf, oob, 0)
				if err != nil || oobn <= unix.CmsgLen(0) {
					t.Fatalf("%d bytes, %x, %v", got, oob[:oobn], err)
				}
				switch oob[unix.CmsgLen(0)] {
				case 23:
					text = append(text, buf[:got]...)
				case 21:
					end = true
					if !bytes.Equal(buf[:got], []byte{1, 0}) {
						t.Errorf("alert %x", buf[:got])
					}
				}
			}
			if string(text) != "hello\n" {
				t.Errorf("got %q", text)
			}
			unix.Write(n, []byte("question"))
			unix.Shutdown(n, unix.SHUT_WR)
			if notes := s.seen(t, 1); !strings.Contains(notes, `got "question"`) || !strings.Contains(notes, "end fin") {
				t.Errorf("the server saw: %s", notes)
			}
		})
	}
}

// A socket that the caller had already is left as it is, and what the peer sends right
// behind its handshake is found on it.
func TestKernelHandoffInherited(t *testing.T) {
	needKernelTLS(t)
	for _, e := range built() {
		if _, serves := e.(engine.ServerEngine); !serves {
			continue
		}
		for _, flag := range []int{0, unix.O_NONBLOCK} {
			t.Run(fmt.Sprint(e.Name(), "/", flag), func(t *testing.T) {
				l := newLaunch(t)
				h := newHandoff(l)
				ours, theirs := tcpPair(t)
				raw := rawOf(t, theirs)
				theirs.Close()
				l.give(5, raw)
				if err := unix.SetNonblock(raw, flag != 0); err != nil {
					t.Fatal(err)
				}
				args := append([]string{"accept", "--net-fd", "5", "--handoff", "ktls", "--engine", e.Name()}, identity(t)...)
				tlsify := l.start(args...)
				client, err := newClient(ours, clientConfig(t))
				if err != nil {
					t.Fatal(err)
				}
				io.WriteString(client, "early")
				n := h.take(tlsify)
				tlsify.expect(0, "handoff ktls", "ready", "end 0")
				if flags, err := unix.FcntlInt(uintptr(n), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK != flag {
					t.Errorf("flags %x, %v", flags, err)
				}
				unix.SetNonblock(n, false)
				buf := make([]byte, 100)
				if got, err := unix.Read(n, buf); string(buf[:max(got, 0)]) != "early" {
					t.Errorf("got %q, %v", buf[:max(got, 0)], err)
				}
				unix.Write(n, []byte("answer"))
				unix.Shutdown(n, unix.SHUT_WR)
				if got, how := client.hear(); got != "answer" || how != "fin" {
					t.Errorf("the client got %q, end %s", got, how)
				}
			})
		}
	}
}

// A caller that only writes, and closes the socket, loses what the peer has not got by
// then: what the peer has sent, such as its tickets, lies there unread, and the close is a
// reset. One that reads to the end before it closes loses nothing (rule 9.3).
func TestKernelHandoffWriteOnly(t *testing.T) {
	needKernelTLS(t)
	for _, reads := range []bool{false, true} {
		config, arrived := newServer(t, "").config, make(chan int, 1)
		address := serveEach(t, "tcp4", "127.0.0.1:0", func(conn net.Conn) {
			defer conn.Close()
			conn.(*net.TCPConn).SetReadBuffer(64 << 10)
			server := tls.Server(conn, config)
			io.WriteString(server, "as a ticket that comes late")
			time.Sleep(time.Second)
			n, _ := io.Copy(io.Discard, server)
			server.CloseWrite()
			arrived <- int(n)
		})
		l := newLaunch(t)
		h := newHandoff(l)
		args := append([]string{"connect", "--name", enginetest.Host, "--handoff", "ktls"}, trusting(t)...)
		tlsify := l.start(append(args, address)...)
		n := h.take(tlsify)
		tlsify.expect(0, "handoff ktls", "ready", "end 0")
		sent := noise(2 << 20)
		for rest := sent; len(rest) > 0; {
			m, err := unix.Write(n, rest)
			if err != nil {
				t.Fatal(err)
			}
			rest = rest[m:]
		}
		oob := make([]byte, unix.CmsgSpace(1))
		if reads {
			header := (*unix.Cmsghdr)(unsafe.Pointer(&oob[0]))
			header.Level, header.Type = unix.SOL_TLS, 1 // TLS_SET_RECORD_TYPE
			header.SetLen(unix.CmsgLen(1))
			oob[unix.CmsgLen(0)] = 21
			if err := unix.Sendmsg(n, []byte{1, 0}, oob, nil, 0); err != nil {
				t.Error(err)
			}
			for {
				_, got, _, _, err := unix.Recvmsg(n, make([]byte, 1000), oob, 0)
				if err != nil {
					t.Error(err)
				}
				if err != nil || got == 0 || oob[unix.CmsgLen(0)] == 21 {
					break
				}
			}
		}
		unix.Close(n)
		whole := <-arrived
		t.Logf("reads %v: %d of %d arrived", reads, whole, len(sent))
		if reads && whole != len(sent) {
			t.Errorf("%d bytes of %d arrived", whole, len(sent))
		}
	}
}

// Behind a KeyUpdate of the peer's the kernel gives a caller no byte (rule 9.3).
func TestKernelHandoffKeyUpdate(t *testing.T) {
	needKernelTLS(t)
	s, l := startOpenSSL(t), newLaunch(t)
	h := newHandoff(l)
	tlsify := l.start("connect", "--trust", pkiFiles(t)+"/ca.pem", "--name", enginetest.Host, "--handoff", "ktls", s.address)
	n := h.take(tlsify)
	tlsify.expect(0, "handoff ktls", "ready", "end 0")
	unix.Write(n, []byte("question\n"))
	s.wants(t, "question")
	s.says("k\n")
	s.says("after\n")
	for {
		buf, oob := make([]byte, 20000), make([]byte, unix.CmsgSpace(1))
		got, oobn, _, _, err := unix.Recvmsg(n, buf, oob, 0)
		if err == unix.EBADMSG || err == unix.EKEYEXPIRED {
			return
		}
		if err != nil || oobn <= unix.CmsgLen(0) || oob[unix.CmsgLen(0)] != 22 {
			t.Fatalf("%q, %x, %v", buf[:max(got, 0)], oob[:oobn], err)
		}
	}
}

func TestKernelHandoffExamples(t *testing.T) {
	needKernelTLS(t)
	eachHandoffExample(t, func(t *testing.T, run func(kind string, s *server, options ...string) (string, int, string)) {
		s := startServer(t, "late", "tickets")
		if got, status, said := run("ktls", s); got != "late reply\n" || status != 0 {
			t.Errorf("%q, status %d: %s", got, status, said)
		}
		if notes := s.seen(t, 1); !strings.Contains(notes, `got "question\n"`) || !strings.Contains(notes, "end close_notify") {
			t.Errorf("the server saw: %s", notes)
		}
		if got, status, said := run("ktls", startServer(t, "fin")); got != "hello\n" || status != 6 || !strings.Contains(said, "cut") {
			t.Errorf("truncated: %q, status %d: %s", got, status, said)
		}
		// A ticket that holds the client's certificate is in several records, of which the
		// second begins in its middle.
		if _, err := exec.LookPath("openssl"); err == nil {
			small := startOpenSSLAs(t, "openssl", "-max_send_frag", "512", "-verify", "1")
			if got, status, said := run("ktls", &server{address: small.address}, identity(t)...); got != "" || status != 0 {
				t.Errorf("a ticket in parts: %q, status %d: %s", got, status, said)
			}
		}
	})
}

// OpenSSL's server changes its key on the command k, and with K asks for ours as
// well. Kernels that can't follow end the stream there.
func TestKernelOpenSSLKeyUpdate(t *testing.T) {
	rekeys := needKernelTLS(t)
	s := startOpenSSL(t)
	l := newLaunch(t)
	c := newStarter(l, "socket")
	tlsify := l.start("connect", "--trust", pkiFiles(t)+"/ca.pem", "--name", enginetest.Host, "--pump", "ktls", s.address)
	tlsify.await("ready")
	io.WriteString(c, "one from the caller\n")
	s.wants(t, "one from the caller")
	s.says("one\n")
	for _, command := range []string{"k", "K", "K"} {
		s.says(command + "\n")
		if !rekeys {
			tlsify.expect(7, "error tls-protocol a new key is due .*")
			if got := c.out.all(); got != "one\n" {
				t.Errorf("got %q", got)
			}
			return
		}
		s.says("after " + command + "\n")
		if !becomes(func() bool { return strings.HasSuffix(c.out.text(), "after "+command+"\n") }) {
			t.Fatalf("got %q: %s", c.out.text(), tlsify.report())
		}
		io.WriteString(c, "caller after "+command+"\n")
		s.wants(t, "caller after "+command)
	}
	c.end()
	tlsify.expect(0, "pump ktls", "closed local")
	if got := c.out.all(); got != "one\nafter k\nafter K\nafter K\n" {
		t.Errorf("got %q", got)
	}
}

// The command rekey, with every engine: a kernel that takes no other key refuses
// it, and the stream goes on.
func TestKernelRekey(t *testing.T) {
	answer := "rekey-refused ktls "
	if needKernelTLS(t) {
		answer = "rekeyed"
	}
	for _, e := range built() {
		t.Run(e.Name(), func(t *testing.T) { rekeyed(t, answer, "--engine", e.Name(), "--pump", "ktls") })
	}
}

// openSSL is an openssl s_server whose standard input is the test's.
type openSSL struct {
	address string
	stdin   io.WriteCloser
	out     *captured
}

func startOpenSSL(t testing.TB) *openSSL {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("needs openssl")
	}
	return startOpenSSLAs(t, "openssl")
}

// startOpenSSLAs starts the program openssl, with more options.
func startOpenSSLAs(t testing.TB, openssl string, options ...string) *openSSL {
	t.Helper()
	pki := pkiFiles(t)
	run := exec.Command(openssl, append([]string{"s_server", "-accept", "127.0.0.1:0", "-tls1_3",
		"-cert", pki + "/good.pem", "-cert_chain", pki + "/good.pem", "-key", pki + "/good.key"}, options...)...)
	stdin, err := run.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := run.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	run.Stderr = run.Stdout // where it tells of its client's certificate
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { run.Process.Kill(); run.Wait() })
	s := &openSSL{stdin: stdin}
	lines := bufio.NewReader(stdout)
	for s.address == "" {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal("openssl s_server: ", err)
		}
		if address, found := strings.CutPrefix(strings.TrimSpace(line), "ACCEPT "); found {
			s.address = address
		}
	}
	s.out = capture(io.NopCloser(lines))
	return s
}

// says types what ends with a line's end, a command or not.
func (s *openSSL) says(text string) {
	time.Sleep(200 * time.Millisecond) // it takes one line from each read
	io.WriteString(s.stdin, text)
}

func (s *openSSL) wants(t testing.TB, text string) {
	t.Helper()
	if !becomes(func() bool { return strings.Contains(s.out.text(), text) }) {
		t.Fatalf("openssl has not got %q: %s", text, s.out.text())
	}
}

// Where the system lets programs that have changed their user be looked into, as
// fs.suid_dumpable says, nobody looks into ours all the same.
func TestKernelDumpableUser(t *testing.T) {
	const setting = "/proc/sys/fs/suid_dumpable"
	if os.Getenv("TLSIFY_TEST_KTLS") != "" { // this machine is ours alone
		os.WriteFile(setting, []byte("1"), 0)
	}
	if now, _ := os.ReadFile(setting); strings.TrimSpace(string(now)) != "1" {
		t.Skip("this kernel has fs.suid_dumpable=0")
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become another user")
	}
	pki := pkiFiles(t)
	l := newLaunch(t)
	tlsify := l.start("listen", "--user", nobody, "--cert", pki+"/good.pem", "--key", pki+"/good.key", "127.0.0.1:0", "--", "cat")
	c, err := dialClient(tlsify.await("listening"), clientConfig(t))
	if err != nil {
		t.Fatal(err, l.err.text())
	}
	for _, pid := range append(acceptsOf(tlsify.pid), tlsify.pid, findSigning(tlsify.pid)) {
		// One that was only just started holds nothing yet, and has not closed
		// itself.
		owner := uint32(0)
		if !becomes(func() bool {
			memory, err := os.Stat("/proc/" + strconv.Itoa(pid) + "/mem")
			if err != nil {
				return true // it has ended
			}
			owner = memory.Sys().(*syscall.Stat_t).Uid
			return owner == 0
		}) {
			name, _ := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe")
			t.Errorf("the memory of %s (%d) is user %d's", name, pid, owner)
		}
	}
	c.noter.Close()
	tlsify.signal(syscall.SIGTERM)
	tlsify.wait()
}
