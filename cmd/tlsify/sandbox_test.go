package main

import (
	"bufio"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/facts"
	"tlsify/cmd/tlsify/internal/listener"
	"tlsify/cmd/tlsify/internal/option"
	"tlsify/cmd/tlsify/internal/privilege"
	"tlsify/cmd/tlsify/internal/process"
	"tlsify/cmd/tlsify/internal/program"
	"tlsify/cmd/tlsify/internal/signing"
	"tlsify/engine"
	"tlsify/engine/enginetest"
)

// needSandbox skips where the kernel can't confine anything.
func needSandbox(t *testing.T) {
	t.Helper()
	if err := privilege.Missing(); err != nil {
		t.Skip("needs a kernel with Landlock and seccomp: ", privilege.OneLine(err))
	}
}

// jailbreaks are what is tried in a captive process, and what must come of it:
// an errno on each of two threads, or the end of the process. The files would
// be there for it, and the sockets too: it runs as the test does.
var jailbreaks = []struct{ try, want string }{
	{"open", "EPERM"}, {"make", "EPERM"}, {"remove", "EPERM"}, {"mem", "EPERM"},
	{"socket", "EPERM"}, {"unix", "EPERM"}, {"raw", "EPERM"}, {"connect", "EPERM"},
	{"pair", "EPERM"}, {"datagram", "EPERM"}, {"sendto", "EPERM"}, {"fastopen", "EPERM"},
	{"exec", "killed"}, {"ptrace", "killed"}, {"readv", "killed"},
	{"kill", "EPERM"}, {"maker", "EPERM"}, {"fork", "EPERM"}, {"namespace", "EPERM"}, {"offset", "EPERM"}, {"seek", "EPERM"}, {"append", "EPERM"}, {"code", "EPERM"},
	{"dumpable", "EPERM"}, {"core", "EPERM"}, {"tty", "EPERM"}, {"io_uring", "EPERM"},
}

// try starts a captive tlsify and checks what comes of it.
func try(t *testing.T, l *launch, at, what, path, want string, args ...string) {
	t.Helper()
	l.program = "captive"
	l.env = append(l.env, "CAPTIVE="+what, "CAPTIVE_AT="+at, "CAPTIVE_PATH="+path, "CAPTIVE_PARENT="+strconv.Itoa(os.Getpid()))
	c := l.start(args...)
	status := c.wait()
	got := strings.Fields(l.err.all())
	switch {
	case want == "killed" && status == 1000+31: // SIGSYS
	case want == "killed" || status != 0 || len(got) != 2 || got[0] != want || got[1] != want:
		t.Errorf("%s: status %d, %q, want %s; %q", what, status, got, want, l.said.all())
	}
}

// Whoever takes a client over, during the handshake or after it, gets to no
// file, no socket, and no other process.
func TestCaptiveClient(t *testing.T) {
	needSandbox(t)
	secret := filepath.Join(t.TempDir(), "secret")
	os.WriteFile(secret, []byte("secret"), 0o600)
	for _, e := range built() {
		for _, at := range []string{"handshake", "ready"} {
			for _, jailbreak := range jailbreaks {
				t.Run(e.Name()+"/"+at+"/"+jailbreak.try, func(t *testing.T) {
					t.Parallel()
					s := startServer(t, "quiet")
					try(t, newLaunch(t), at, jailbreak.try, secret, jailbreak.want, connectTo(t, s, "--engine", e.Name())...)
				})
			}
		}
	}
}

// The same of a server, whose key, certificate and PROG were there for it
// before.
func TestCaptiveServer(t *testing.T) {
	needSandbox(t)
	pki := pkiFiles(t)
	for _, e := range built() {
		if _, ok := e.(engine.ServerEngine); !ok {
			continue
		}
		for _, at := range []string{"handshake", "ready"} {
			for _, jailbreak := range jailbreaks {
				t.Run(e.Name()+"/"+at+"/"+jailbreak.try, func(t *testing.T) {
					t.Parallel()
					ours, theirs := tcpPair(t)
					l := newLaunch(t)
					l.give(5, rawOf(t, theirs))
					theirs.Close()
					go newClient(ours, clientConfig(t))
					key := filepath.Join(t.TempDir(), "key")
					content, _ := os.ReadFile(pki + "/good.key")
					os.WriteFile(key, content, 0o600)
					try(t, l, at, jailbreak.try, key, jailbreak.want, "accept", "--engine", e.Name(), "--net-fd", "5",
						"--cert", pki+"/good.pem", "--key", key, "--", "true")
					if _, err := os.Stat(key); err != nil {
						t.Error(err)
					}
				})
			}
		}
	}
}

// The same of an accept that a listener has started before there was a connection:
// it is confined while it waits, and stays so.
func TestCaptiveInThePool(t *testing.T) {
	needSandbox(t)
	pki := pkiFiles(t)
	for _, e := range built() {
		if _, ok := e.(engine.ServerEngine); !ok {
			continue
		}
		for _, at := range []string{"door", "handshake", "ready"} {
			for _, jailbreak := range jailbreaks {
				if at == "door" && e != built()[0] {
					continue // no engine has had a part in it
				}
				t.Run(e.Name()+"/"+at+"/"+jailbreak.try, func(t *testing.T) {
					t.Parallel()
					secret := filepath.Join(t.TempDir(), "secret")
					os.WriteFile(secret, []byte("secret"), 0o600)
					l, door := newLaunch(t), doorOf(t)
					l.give(0, rawOf(t, openFile(t, "/dev/null")))
					l.give(5, door.its)
					l.control = "" // which stands elsewhere
					if at != "door" {
						ours, theirs := tcpPair(t)
						n := rawOf(t, theirs)
						theirs.Close()
						go newClient(ours, clientConfig(t))
						go door.let(n, "cat") // which stays
					} else {
						go door.let(-1, "")
					}
					try(t, l, at, jailbreak.try, secret, jailbreak.want, listener.HeardWord, "0", "5", "2", "--control-fd=3", "--engine", e.Name(),
						"--cert", pki+"/good.pem", "--key", pki+"/good.key", "--", "true")
				})
			}
		}
	}
}

// door is a listener's side of the socket that an accept has to it.
type door struct{ ours, its int }

func doorOf(t *testing.T) door {
	ends, err := process.SocketPair()
	if err != nil {
		t.Fatal(err)
	}
	return door{ends[0], ends[1]}
}

// let does what a listener does with nothing secret, and with a connection, which
// it closes, and a PROG, or with neither.
func (d door) let(conn int, prog ...string) {
	unix.Read(d.ours, make([]byte, 1))
	unix.Write(d.ours, []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0})
	if conn < 0 {
		return
	}
	process.Give(d.ours, conn)
	unix.Close(conn)
	file := os.NewFile(uintptr(d.ours), "door")
	defer file.Close()
	plan := program.Plan{Args: prog, In: 0, Out: 1, OneSocket: true, Claims: &process.Claims{}, Names: facts.ProgramVariables()}
	path, _ := exec.LookPath(prog[0])
	plan.Answer(file, func(attr *syscall.ProcAttr) (int, error) {
		handle, err := process.Start(path, prog, attr)
		if n, dupErr := unix.Dup(handle); err == nil && dupErr == nil {
			go func() {
				unix.Waitid(unix.P_PIDFD, n, nil, unix.WEXITED, nil)
				unix.Close(n)
			}()
		}
		return handle, err
	})
}

func openFile(t *testing.T, name string) *os.File {
	file, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

// PROG has of whoever took tlsify over no more than values for the variables that
// it is told of a connection by; and what the caller has left open for PROG is
// PROG's alone.
func TestCaptiveProgram(t *testing.T) {
	needSandbox(t)
	pki := pkiFiles(t)
	for _, form := range []option.Form{option.Connect, option.Accept, option.Listen} {
		for _, at := range []string{"handshake", "ready"} {
			for what, want := range map[string]string{"environment": "done", "unnamed": "EBADF"} {
				t.Run(string(form)+"/"+at+"/"+what, func(t *testing.T) {
					t.Parallel()
					dir := t.TempDir()
					os.WriteFile(dir+"/secret", []byte("secret"), 0o600)
					l := newLaunch(t)
					for _, n := range []int{0, 1, 11} {
						secret, err := os.OpenFile(dir+"/secret", os.O_RDWR, 0)
						if err != nil {
							t.Fatal(err)
						}
						l.give(n, rawOf(t, secret))
						secret.Close()
					}
					prog := []string{"sh", "-c", "test -z \"$BASH_ENV\" || touch " + dir + "/abused; touch " + dir + "/ran"}
					args := []string{"accept", "--net-fd", "5"}
					if form == option.Connect {
						args = connectTo(t, startServer(t, "quiet"))
					} else {
						ours, theirs := tcpPair(t)
						go newClient(ours, clientConfig(t))
						n := rawOf(t, theirs)
						theirs.Close()
						if form == option.Listen { // whose accept it is
							door := doorOf(t)
							l.give(0, rawOf(t, openFile(t, "/dev/null"))) // as a listener does
							l.give(5, door.its)
							l.control = ""
							args = []string{listener.HeardWord, "0", "5", "2", "--control-fd=3"}
							go door.let(n, prog...)
						} else {
							l.give(5, n)
						}
						args = append(args, "--cert", pki+"/good.pem", "--key", pki+"/good.key")
					}
					try(t, l, at, what, "", want, append(append(args, "--"), prog...)...)
					if at == "ready" && !becomes(func() bool { _, err := os.Stat(dir + "/ran"); return err == nil }) {
						t.Error("PROG has not run")
					}
					time.Sleep(100 * time.Millisecond)
					if _, err := os.Stat(dir + "/abused"); err == nil {
						t.Error("PROG has a variable that the captive process made")
					}
				})
			}
		}
	}
}

// The signing process has the keys, and nothing else that it could reach.
func TestCaptiveSigner(t *testing.T) {
	needSandbox(t)
	pki := pkiFiles(t)
	for _, jailbreak := range jailbreaks {
		t.Run(jailbreak.try, func(t *testing.T) {
			t.Parallel()
			l := newLaunch(t)
			l.quietly()
			try(t, l, "signing", jailbreak.try, pki+"/good.key", jailbreak.want, signing.ProcessWord, pki+"/good.pem", pki+"/good.key")
		})
	}
}

// What the handshake needs of the file system is all that can be opened while
// it lasts: the directory of the roots, and that of the session. Only the latter
// stays, and with it the calls by which files are opened: it is read, before
// anything is sent, by a process that is confined. A file of roots is open before,
// needs nothing, and is closed when the handshake is over.
func TestCaptiveFiles(t *testing.T) {
	needSandbox(t)
	pki := pkiFiles(t)
	dir := t.TempDir()
	for _, name := range []string{"roots", "session", "elsewhere"} {
		os.Mkdir(filepath.Join(dir, name), 0o700)
		content, _ := os.ReadFile(pki + "/ca.pem")
		os.WriteFile(filepath.Join(dir, name, "file"), content, 0o600)
	}
	const hashed = "00000000.0" // has it used by name
	os.WriteFile(filepath.Join(dir, "roots", hashed), nil, 0o600)
	os.Mkdir(dir+"/linked", 0o700)
	os.WriteFile(dir+"/linked/private", nil, 0o600)
	for i := range 20 { // many are no reason to open more than they lead to
		name := "linked/" + strconv.Itoa(i)
		os.WriteFile(filepath.Join(dir, name), nil, 0o600)
		os.Symlink("../"+name, filepath.Join(dir, "roots", strconv.Itoa(i)+".pem"))
	}
	const bundle = "SSL_CERT_DIR=" // none: the bundle alone
	for _, c := range []struct{ at, try, path, option, want string }{
		{"hello", "open", "elsewhere/file", "", "done"}, // it has heard nothing yet
		{"hello", "open", "elsewhere/file", "--session=session/s", "EACCES"},
		{"handshake", "held", "", bundle, "done"},
		{"ready", "held", "", bundle, "EBADF"},
		{"handshake", "open", "roots/file", "", "done"},
		{"handshake", "make", "roots/new", "", "EACCES"},
		{"handshake", "open", "elsewhere/file", "", "EACCES"},
		{"handshake", "open", "linked/19", "", "done"},
		{"handshake", "open", "linked/private", "", "EACCES"},
		{"handshake", "make", "elsewhere/new", "", "EACCES"},
		{"handshake", "mem", "", "", "EACCES"},
		{"handshake", "remove", "roots/file", "", "EPERM"},
		{"handshake", "seek", "", "", "EPERM"},
		{"handshake", "open", "roots/file", bundle, "EPERM"},
		{"handshake", "make", "roots/new", bundle, "EPERM"},
		{"ready", "open", "roots/file", bundle, "EPERM"},
		{"ready", "open", "roots/file", "", "EPERM"},
		{"ready", "open", "session/file", "--session=session/s", "done"},
		{"ready", "make", "session/new", "--session=session/s", "done"},
		{"ready", "open", "elsewhere/file", "--session=session/s", "EACCES"},
		{"ready", "make", "elsewhere/new", "--session=session/s", "EACCES"},
		{"ready", "remove", "elsewhere/file", "--session=session/s", "EACCES"},
		{"ready", "mem", "", "--session=session/s", "EACCES"},
		{"ready", "seek", "", "--session=session/s", "EPERM"},
		{"ready", "open", "elsewhere/file", "--session=missing/s", "EACCES"},
		{"ready", "make", "elsewhere/new", "--session=missing/s", "EACCES"},
		{"ready", "remove", "elsewhere/file", "--session=missing/s", "EACCES"},
		{"ready", "open", "elsewhere/file", "--session=elsewhere/file/s", "EACCES"},
		{"ready", "make", "elsewhere/file", "--session=elsewhere/file/s", "EACCES"},
		{"ready", "socket", "", "--session=session/s", "EPERM"},
		{"ready", "exec", "", "--session=session/s", "killed"},
	} {
		t.Run(c.at+"-"+c.try+"-"+strings.ReplaceAll(c.path, "/", "-")+c.option[:min(len(c.option), 12)], func(t *testing.T) {
			s := startServer(t, "quiet")
			l := newLaunch(t)
			l.env = slices.DeleteFunc(l.env, func(entry string) bool { return strings.HasPrefix(entry, "SSL_CERT_") })
			l.env = append(l.env, "SSL_CERT_FILE="+dir+"/roots/file")
			if c.option != bundle {
				l.env = append(l.env, "SSL_CERT_DIR="+dir+"/roots")
			}
			args := []string{"connect", "--name", enginetest.Host, s.address}
			if c.option != "" && c.option != bundle {
				args = append(args, strings.Replace(c.option, "=", "="+dir+"/", 1))
			}
			try(t, l, c.at, c.try, filepath.Join(dir, c.path), c.want, args...)
		})
	}
}

// With --tcp-fastopen, and with --mtc-landmarks, TCP sockets can be made until the handshake is over, and no
// others; and with --handoff the pair is made before there is anybody to abuse it.
func TestCaptiveSockets(t *testing.T) {
	needSandbox(t)
	path := filepath.Join(t.TempDir(), "socket")
	deaf, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	for _, c := range []struct{ at, try, option, want string }{
		{"handshake", "socket", "--tcp-fastopen", "done"},
		{"handshake", "unix", "--tcp-fastopen", "EPERM"},
		{"handshake", "raw", "--tcp-fastopen", "EPERM"},
		{"handshake", "datagram", "--tcp-fastopen", "EPERM"},
		{"ready", "socket", "--tcp-fastopen", "EPERM"},
		{"handshake", "socket", "--mtc-landmarks", "done"}, // it may dial once more
		{"handshake", "datagram", "--mtc-landmarks", "EPERM"},
		{"ready", "socket", "--mtc-landmarks", "EPERM"},
		{"handshake", "pair", "--handoff=socketpair", "EPERM"},
		{"handshake", "datagram", "--handoff=socketpair", "EPERM"},
		{"ready", "datagram", "--session=" + filepath.Dir(path) + "/s", "EPERM"},
	} {
		t.Run(c.at+c.option[:9]+"-"+c.try, func(t *testing.T) {
			s := startServer(t, "quiet")
			l := newLaunch(t)
			if strings.HasPrefix(c.option, "--handoff") {
				newHandoff(l)
			}
			options := []string{c.option}
			if c.option == "--mtc-landmarks" {
				dir := merkleFiles(t)
				options = []string{"--trust", filepath.Join(dir, "ca/ca.pem"), c.option, filepath.Join(dir, "landmarks")}
			}
			try(t, l, c.at, c.try, path, c.want, connectTo(t, s, options...)...)
		})
	}
}

// Every thread of every process is confined once it is connected: a client, a
// listener's child, and the signing process; and PROG is as if there were no
// sandbox.
func TestEveryThreadIsConfined(t *testing.T) {
	needSandbox(t)
	t.Parallel()
	s := startServer(t, "stall")
	l := newLaunch(t)
	client := l.start(connectTo(t, s)...)
	if !strings.Contains(client.await("sandbox"), "no-new-privs seccomp landlock-") {
		t.Errorf("the client says %q", client.await("sandbox"))
	}
	client.await("ready")
	confined(t, client.pid)

	server := listening(t, "127.0.0.1:0", "--", "sh", "-c", "grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status; ulimit -c; cat")
	c, err := dialClient(server.address, clientConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.noter.Close()
	confined(t, slices.Min(acceptsOf(server.process.Pid))) // a later one may be at its start
	confined(t, findSigning(server.process.Pid))
	limit, _ := os.ReadFile("/proc/self/limits")
	core := regexp.MustCompile(`(?m)^Max core file size +(\S+)`).FindSubmatch(limit)
	own, _ := os.ReadFile("/proc/self/status")
	want := strings.Join(regexp.MustCompile(`(?m)^(NoNewPrivs|Seccomp):.*\n`).FindAllString(string(own), -1), "")
	got, _ := c.talk("")
	if !strings.HasPrefix(got, want) {
		t.Errorf("PROG has %q, the test %q", got, want)
	}
	if ulimit := strings.TrimSpace(strings.TrimPrefix(got, want)); (ulimit == "0") != (string(core[1]) == "0") {
		t.Errorf("PROG's limit for a core file is %s, the test's %s", ulimit, core[1])
	}
}

// What takes a stranger's ClientHello apart is confined before it reads that, and can
// still remove the file for it.
func TestFingerprintIsConfined(t *testing.T) {
	needSandbox(t)
	t.Parallel()
	save := filepath.Join(t.TempDir(), "hello")
	cmd := exec.Command("tlsify", "fingerprint", "--listen", "127.0.0.1:0", "--save", save)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	lines := bufio.NewScanner(log)
	lines.Scan()
	conn, err := net.Dial("tcp", strings.TrimPrefix(lines.Text(), "tlsify: listening on "))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		status, _ := os.ReadFile("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/status")
		if strings.Contains(string(status), "Seccomp:\t2\n") {
			break
		}
	}
	confined(t, cmd.Process.Pid)
	conn.Write([]byte("no ClientHello"))
	lines.Scan()
	cmd.Wait()
	if _, err := os.Stat(save); !os.IsNotExist(err) || cmd.ProcessState.ExitCode() != 1 || !strings.Contains(lines.Text(), "no TLS handshake record") {
		t.Errorf("%q: %v, the file: %v", lines.Text(), cmd.ProcessState, err)
	}
}

// confined checks what the kernel says of a process's threads.
func confined(t *testing.T, pid int) {
	t.Helper()
	threads, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/status")
	for _, thread := range threads {
		status, _ := os.ReadFile(thread)
		for _, want := range []string{"NoNewPrivs:\t1\n", "Seccomp:\t2\n"} {
			if len(status) > 0 && !strings.Contains(string(status), want) {
				t.Errorf("%s has no %q", thread, want)
			}
		}
	}
	limits, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/limits")
	if len(threads) == 0 || !regexp.MustCompile(`(?m)^Max core file size +0 +0 `).Match(limits) {
		t.Errorf("process %d: %d threads, limits %s", pid, len(threads), limits)
	}
}

// without becomes the program that its arguments name, on a kernel that has no Landlock
// as far as that can see.
func without() {
	runtime.LockOSThread()
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: unix.SYS_LANDLOCK_CREATE_RULESET},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	if err == nil {
		err = unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0)
	}
	path, _ := exec.LookPath(os.Args[1])
	panic(errors.Join(err, syscall.Exec(path, os.Args[1:], os.Environ())))
}

// A listener says what its accepts, which tell nobody, will be without.
func TestListenerTellsWhatIsMissing(t *testing.T) {
	needSandbox(t)
	t.Parallel()
	for _, c := range []struct{ mode, want string }{{"auto", "tlsify: not all of the sandbox: the kernel has no Landlock.*"}, {"off", ""}} {
		log, err := os.Create(filepath.Join(t.TempDir(), "log"))
		if err != nil {
			t.Fatal(err)
		}
		defer log.Close()
		l, err := startListenerBy(log, os.Environ(), []string{"without"}, append(identity(t), "-v", "--sandbox", c.mode, "127.0.0.1:0", "--", "prog", "cat")...)
		if err != nil {
			t.Fatal(err)
		}
		l.stop()
		said, _ := os.ReadFile(log.Name())
		if told := regexp.MustCompile("(?m)^tlsify: not all of the sandbox.*").FindString(string(said)); told == "" != (c.want == "") || !regexp.MustCompile("^"+c.want).MatchString(told) {
			t.Errorf("%s: %q", c.mode, said)
		}
	}
}

// --sandbox off says so, and require is an invocation that fails where anything
// is missing, which can't be shown where nothing is.
func TestSandboxModes(t *testing.T) {
	t.Parallel()
	s := startServer(t, "greet")
	newLaunch(t).start(connectTo(t, s, "--sandbox", "off")...).expect(0, "sandbox off", "ready")
	newLaunch(t).start(connectTo(t, s, "--sandbox", "some")...).expect(1, "error usage .*want auto, require or off, not .*")
	if err := privilege.Missing(); err != nil {
		newLaunch(t).start(connectTo(t, s, "--sandbox", "require")...).expect(1, "error sandbox-unavailable .*")
		return
	}
	newLaunch(t).start(connectTo(t, s, "--sandbox", "require")...).expect(0, "sandbox not-dumpable no-core no-new-privs seccomp landlock-.*", "ready")
}
