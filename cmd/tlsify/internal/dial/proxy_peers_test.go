package dial

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Proxies that others have written. Each test skips where the program is not
// there, which .ci installs.

// find is the path of a program, which may be one for administrators.
func find(t *testing.T, program string) string {
	t.Helper()
	if path, err := exec.LookPath(program); err == nil {
		return path
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/usr/lib/squid"} {
		if path, err := exec.LookPath(filepath.Join(dir, program)); err == nil {
			return path
		}
	}
	t.Skip("needs " + program)
	return ""
}

// daemon runs a program in the foreground until the test ends, and returns
// when something listens on the port.
func daemon(t *testing.T, port, program string, args ...string) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = 5 * time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-ended
	})
	for range 400 {
		if conn, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			conn.Close()
			return
		}
		select {
		case <-ended:
			t.Fatalf("%s has ended:\n%s", program, out.String())
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Fatalf("%s does not listen on port %s", program, port)
}

// write makes a file in dir, which proxies that change their user can read.
func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// expectation is what a proxy does with a target.
type expectation struct {
	proxy  string // URL
	target string // name or address; the port is the echo's
	fails  string // what the error has in it; empty: it works
}

func (e expectation) check(t *testing.T, port, closed string) {
	t.Helper()
	p, err := ParseProxy(e.proxy, false)
	if err != nil {
		t.Fatal(err)
	}
	address := e.target + ":" + port
	if strings.Contains(e.target, ":") {
		address = strings.Replace(e.target, "CLOSED", closed, 1)
	}
	for _, fast := range []bool{false, true} {
		s, err := Dial(within(t, patience), Target{Network: "tcp4", Address: address, Proxy: p, TCPFastOpen: fast})
		what := fmt.Sprintf("%s through %s, fast open %v", address, p, fast)
		switch {
		case err == nil && e.fails != "":
			s.FD.Close()
			t.Errorf("%s: it works", what)
		case err == nil:
			echoes(t, s.Conn)
			s.FD.Close()
		case e.fails == "":
			t.Errorf("%s: %v", what, err)
		default:
			noSecret(t, err.Error())
			if !errors.As(err, new(*ProxyError)) || !strings.Contains(err.Error(), e.fails) {
				t.Errorf("%s: error %v (%T); want one with %q", what, err, err, e.fails)
			}
		}
	}
}

// credentials are jo smith's as the test proxies have them; their
// configurations take no space and no colon.
const credentials = "smith:s3cret@"

func TestTinyproxy(t *testing.T) {
	program := find(t, "tinyproxy")
	echoPort := serve(t, "127.0.0.1:0", echo)
	closed := closedPort(t)
	dir := t.TempDir()
	open, locked := closedPort(t), closedPort(t)
	const common = "Listen 127.0.0.1\nTimeout 20\nMaxClients 20\nAllow 127.0.0.1\n"
	daemon(t, open, program, "-d", "-c", write(t, dir, "open", common+"Port "+open+"\n"))
	daemon(t, locked, program, "-d", "-c", write(t, dir, "locked", common+"Port "+locked+"\nBasicAuth smith s3cret\n"))
	for _, e := range []expectation{
		{"http://127.0.0.1:" + open, "127.0.0.1", ""},
		{"http://127.0.0.1:" + open, "localhost", ""},
		{"http://127.0.0.1:" + open, "127.0.0.1:CLOSED", "it answers 500"},
		{"http://" + credentials + "127.0.0.1:" + locked, "127.0.0.1", ""},
		{"http://127.0.0.1:" + locked, "127.0.0.1", "it wants a user and a password"},
		{"http://smith:wrong@127.0.0.1:" + locked, "127.0.0.1", "it answers 40"},
	} {
		e.check(t, echoPort, closed)
	}
}

func TestSquid(t *testing.T) {
	program, helper := find(t, "squid"), find(t, "basic_ncsa_auth")
	echoPort := serve(t, "127.0.0.1:0", echo)
	closed := closedPort(t)
	dir := t.TempDir()
	if strings.Contains(dir, " ") {
		t.Skip("squid.conf has no file for basic_ncsa_auth with a space in its name")
	}
	port := closedPort(t)
	// Squid gives up root's rights, and then must come to its files.
	for d := dir; d != "/" && d != filepath.Clean(os.TempDir()); d = filepath.Dir(d) {
		os.Chmod(d, 0o755)
	}
	// The hash is `openssl passwd -apr1 -salt tlsify s3cret`.
	users := write(t, dir, "users", "smith:$apr1$tlsify$ju/9vwnfOwvreovgJG52o.\n")
	os.Chmod(users, 0o644)
	config := write(t, dir, "squid.conf", `http_port 127.0.0.1:`+port+`
pid_filename none
cache_log stdio:/dev/stderr
access_log none
cache deny all
cache_mem 1 MB
coredump_dir `+dir+`
shutdown_lifetime 0 seconds
visible_hostname proxy.test
dns_nameservers 127.0.0.1
auth_param basic program `+helper+" "+users+`
auth_param basic realm test
acl known proxy_auth REQUIRED
acl forbidden dstdomain forbidden.test
http_access deny forbidden
http_access allow known
http_access deny all
`)
	daemon(t, port, program, "-N", "-f", config)
	at := "127.0.0.1:" + port
	for _, e := range []expectation{
		{"http://" + credentials + at, "127.0.0.1", ""},
		{"http://" + credentials + at, "localhost", ""},
		{"http://" + credentials + at, "127.0.0.1:CLOSED", "it answers 503 (service unavailable)"},
		{"http://" + credentials + at, "forbidden.test", "it answers 403 (forbidden)"},
		{"http://" + at, "127.0.0.1", "it answers 407 (proxy authentication required): it wants a user and a password"},
		{"http://smith:wrong@" + at, "127.0.0.1", "it answers 407 (proxy authentication required): it does not accept"},
	} {
		e.check(t, echoPort, closed)
	}
}

func TestMicrosocks(t *testing.T) {
	program := find(t, "microsocks")
	echoPort := serve(t, "127.0.0.1:0", echo)
	closed := closedPort(t)
	open, locked := closedPort(t), closedPort(t)
	daemon(t, open, program, "-i", "127.0.0.1", "-p", open)
	daemon(t, locked, program, "-i", "127.0.0.1", "-p", locked, "-u", "smith", "-P", "s3cret")
	for _, e := range []expectation{
		{"socks5://127.0.0.1:" + open, "127.0.0.1", ""},
		{"socks5://127.0.0.1:" + open, "localhost", ""},
		{"socks5h://127.0.0.1:" + open, "localhost", ""},
		{"socks5h://127.0.0.1:" + open, "127.0.0.1:CLOSED", "it answers 5 (the connection was refused)"},
		{"socks5h://" + credentials + "127.0.0.1:" + locked, "localhost", ""},
		{"socks5h://127.0.0.1:" + locked, "localhost", "it wants authentication"},
		{"socks5h://smith:wrong@127.0.0.1:" + locked, "localhost", "it does not accept the user and password"},
		{"http://127.0.0.1:" + open, "127.0.0.1", "what it answers is not HTTP/1"},
	} {
		e.check(t, echoPort, closed)
	}
}

func TestDante(t *testing.T) {
	program := find(t, "danted")
	echoPort := serve(t, "127.0.0.1:0", echo)
	closed := closedPort(t)
	dir := t.TempDir()
	port := closedPort(t)
	config := write(t, dir, "danted.conf", `logoutput: stderr
internal: 127.0.0.1 port = `+port+`
external: lo
socksmethod: none
clientmethod: none
user.privileged: root
user.unprivileged: nobody
client pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }
socks block { from: 0.0.0.0/0 to: 127.0.0.9/32 }
socks pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }
`)
	if os.Getuid() != 0 {
		t.Skip("danted needs root")
	}
	daemon(t, port, program, "-f", config, "-p", filepath.Join(dir, "pid"))
	at := "127.0.0.1:" + port
	for _, e := range []expectation{
		{"socks5://" + at, "localhost", ""},
		{"socks5h://" + at, "localhost", ""},
		{"socks5h://" + at, "127.0.0.1", ""},
		{"socks5h://" + credentials + at, "127.0.0.1", ""}, // it does not ask
		{"socks5h://" + at, "127.0.0.1:CLOSED", "it answers 5 (the connection was refused)"},
		{"socks5h://" + at, "127.0.0.9", "it answers 2 (its rules do not allow it)"},
	} {
		e.check(t, echoPort, closed)
	}
}

// An SSH client as a SOCKS5 proxy: ssh -D.
func TestSSHDynamicForwarding(t *testing.T) {
	ssh, sshd, keygen := find(t, "ssh"), find(t, "sshd"), find(t, "ssh-keygen")
	if os.Getuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // where sshd gives up its rights
			t.Skip("sshd needs /run/sshd")
		}
	}
	echoPort := serve(t, "127.0.0.1:0", echo)
	closed := closedPort(t)
	dir := t.TempDir()
	for _, name := range []string{"host", "user"} {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if out, err := exec.CommandContext(ctx, keygen, "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, name)).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	public, err := os.ReadFile(filepath.Join(dir, "user.pub"))
	if err != nil {
		t.Fatal(err)
	}
	server, proxy := closedPort(t), closedPort(t)
	config := write(t, dir, "sshd_config", fmt.Sprintf(`ListenAddress 127.0.0.1:%s
HostKey "%s/host"
AuthorizedKeysFile "%s"
PidFile none
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
`, server, dir, write(t, dir, "authorized", string(public))))
	daemon(t, server, sshd, "-D", "-e", "-f", config)
	daemon(t, proxy, ssh, "-F", "none", "-N", "-D", "127.0.0.1:"+proxy, "-p", server, "-i", filepath.Join(dir, "user"),
		"-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "ExitOnForwardFailure=yes", "127.0.0.1")
	at := "127.0.0.1:" + proxy
	for _, e := range []expectation{
		{"socks5://" + at, "localhost", ""},
		{"socks5h://" + at, "localhost", ""},
		{"socks5h://" + at, "127.0.0.1", ""},
		{"socks5h://" + at, "127.0.0.1:CLOSED", "it closed the connection"},
	} {
		e.check(t, echoPort, closed)
	}
}
