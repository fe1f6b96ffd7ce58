package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"tlsify/engine/enginetest"
)

// nobody is a user that no system has.
const nobody = "54321:54322"

// A listener that root has started becomes another user, with its children and
// its signing process, and goes on serving with a key, and ticket keys, that
// this user cannot read.
func TestUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become another user")
	}
	t.Parallel()
	dir := t.TempDir()
	os.Chmod(dir, 0o711)
	os.Chmod(filepath.Dir(dir), 0o711)
	secret := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pki := pkiFiles(t)
	content, _ := os.ReadFile(pki + "/good.key")
	chain, _ := os.ReadFile(pki + "/good.pem")
	key := secret("key", string(content))
	tickets := secret("tickets", strings.Repeat("A", 43)+"=\n")
	l := newLaunch(t)
	tlsify := l.start("listen", "--user", nobody, "--cert", secret("cert", string(chain)), "--key", key, "--ticket-key", tickets,
		"127.0.0.1:0", "--", "sh", "-c", "id -u; id -g; id -G; cat "+key+" "+tickets+" 2>/dev/null; cat")
	address := tlsify.await("listening")
	var clients []*client // none of which has ended, and is gone when it is looked at
	for range 2 {
		c, err := dialClient(address, clientConfig(t))
		if err != nil {
			t.Fatal(err, l.err.text())
		}
		clients = append(clients, c)
		children := childrenOf(tlsify.pid)
		for _, pid := range append(children, tlsify.pid, findSigning(tlsify.pid)) {
			isNobody(t, pid)
		}
	}
	for _, c := range clients {
		if got, _ := c.talk("end"); got != "54321\n54322\n54322\nend" {
			t.Errorf("PROG says %q", got)
		}
		c.noter.Close()
	}
	// What the user cannot read is said at the start, and changes nothing later.
	for _, name := range []string{"--key", "--cert", "--ticket-key"} {
		if !strings.Contains(l.err.text(), name+": ") {
			t.Errorf("nothing is said of %s: %q", name, l.err.text())
		}
	}
	tlsify.signal(syscall.SIGHUP)
	if got := tlsify.await("reloaded"); !strings.HasPrefix(got, "no ") {
		t.Errorf("reloaded %s", got)
	}
	if c, err := dialClient(address, clientConfig(t)); err != nil {
		t.Error(err)
	} else {
		c.noter.Close()
	}
	tlsify.signal(syscall.SIGTERM)
	if status := tlsify.wait(); status != 143 {
		t.Errorf("status %d", status)
	}
}

// The user of a listener can read everything: SIGHUP does what it is for.
func TestUserReloads(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	p := newPair(t)
	for dir := p.dir; dir != "/"; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err == nil && info.Mode()&0o005 != 0o005 {
			os.Chmod(dir, info.Mode()|0o055)
		}
	}
	readable := func() { os.Chmod(p.dir+"/server.key", 0o644); os.Chmod(p.dir+"/server.pem", 0o644) }
	readable()
	l := newLaunch(t)
	tlsify := l.start(append(append([]string{"listen", "--user", nobody}, p.args()...), "127.0.0.1:0", "--", "cat")...)
	address := tlsify.await("listening")
	second := p.put(t)
	readable()
	tlsify.signal(syscall.SIGHUP)
	if got := tlsify.await("reloaded"); got != "yes" || !shown(t, address).Equal(second) {
		t.Errorf("reloaded %s; %s", got, l.err.text())
	}
	// The signing process of before ends, sooner or later.
	if !becomes(func() bool { return len(childrenOf(tlsify.pid)) == 0 }) {
		t.Error("a process is left")
	}
	isNobody(t, tlsify.pid)
	isNobody(t, findSigning(tlsify.pid))
	tlsify.signal(syscall.SIGTERM)
	tlsify.wait()
}

// isNobody checks whose a process is, in each of the kernel's four ways, and in
// every thread.
func isNobody(t *testing.T, pid int) {
	t.Helper()
	threads, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/status")
	user, group, _ := strings.Cut(nobody, ":")
	wanted := map[string]string{"Uid": user, "Gid": group, "Groups": group}
	read := 0
	for _, thread := range threads {
		status, _ := os.ReadFile(thread) // empty of a thread that has ended
		got := regexp.MustCompile(`(?m)^(Uid|Gid|Groups):(.*)$`).FindAllStringSubmatch(string(status), -1)
		read += len(got)
		for _, line := range got {
			for _, id := range strings.Fields(line[2]) {
				if id != wanted[line[1]] {
					t.Errorf("%s: %s", thread, line[0])
				}
			}
		}
	}
	if read == 0 {
		t.Errorf("process %d is not there", pid)
	}
}

// A --user that does not make anyone less than root is refused, and so is one
// that could not serve.
func TestUserRefused(t *testing.T) {
	pki := pkiFiles(t)
	secret := filepath.Join(t.TempDir(), "roots")
	content, _ := os.ReadFile(pki + "/ca.pem")
	os.WriteFile(secret, content, 0o600)
	for _, c := range []struct{ user, options, line string }{
		{"root", "", "--user must not be root"},
		{"0:0", "", "--user must not be root"},
		{"54321:0", "", "--user must not be root"},
		{"-", "", "no user"},
		{"no-such-user", "", "no user"},
		{"54321", "", "give UID:GID"},
		{"54321:no-such-group", "", "no group"},
		{"-1:-1", "", "no user"},
		{nobody, "--client-auth=require --client-trust=" + secret, "permission denied, for user " + nobody},
	} {
		t.Run(c.user, func(t *testing.T) {
			want := c.line
			if os.Geteuid() != 0 {
				want = "only root"
			}
			args := append([]string{"listen", "--user", c.user, "--cert", pki + "/good.pem", "--key", pki + "/good.key"}, strings.Fields(c.options)...)
			newLaunch(t).start(append(args, "127.0.0.1:0", "--", "true")...).expect(1, "error usage .*("+want+").*")
		})
	}
}

// Who may not open a low port is told who can.
func TestLowPort(t *testing.T) {
	first, _ := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	if n, err := strconv.Atoi(strings.TrimSpace(string(first))); err != nil || n <= 19 {
		t.Skip("anyone can open a low port here")
	}
	pki := pkiFiles(t)
	l := newLaunch(t)
	if os.Geteuid() == 0 {
		if _, err := exec.LookPath("setpriv"); err != nil {
			t.Skip("needs setpriv")
		}
		l.program, l.prefix = "setpriv", []string{"--bounding-set", "-net_bind_service", "tlsify"}
	}
	l.start("listen", "--cert", pki+"/good.pem", "--key", pki+"/good.key", "127.0.0.1:19", "--", "prog").
		expect(1, "error usage .*permission denied.*--user.*service manager.*")
}

// Root that is told to become another user, and may not, does not go on as root: neither a
// listener, nor who has no process that signs.
func TestRootThatCannotBecomeAnother(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	if _, err := exec.LookPath("setpriv"); err != nil {
		t.Skip("needs setpriv")
	}
	pki := pkiFiles(t)
	for _, without := range []string{"-setuid", "-setgid"} {
		t.Run(without, func(t *testing.T) {
			t.Parallel()
			l := newLaunch(t)
			l.program, l.prefix = "setpriv", []string{"--bounding-set", without, "tlsify"}
			l.start("listen", "--user", nobody, "--cert", pki+"/good.pem", "--key", pki+"/good.key", "127.0.0.1:0", "--", "true").
				expect(1, "error usage .*cannot become user "+nobody+".*")
			s := startServer(t, "fin")
			l = under(t, "s6-tlsc-io", "CAFILE="+pki+"/ca.pem", "TLS_UID=65533", "TLS_GID=65532")
			l.netTo(s, 6, 7)
			l.program, l.prefix = "setpriv", []string{"--bounding-set", without, l.program}
			tlsify := l.start("-k", enginetest.Host, "6", "7")
			if got := tlsify.wait(); got != 96 || l.out.all() != "" || !strings.Contains(l.err.text(), "cannot become user 65533:65532") {
				t.Errorf("status %d, %q: %s", got, l.out.all(), tlsify.report())
			}
		})
	}
}
