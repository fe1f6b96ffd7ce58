package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
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
	for range 2 {
		c, err := dialClient(address, clientConfig(t))
		if err != nil {
			t.Fatal(err, l.err.text())
		}
		children := childrenOf(tlsify.pid)
		for _, pid := range append(children, tlsify.pid, findSigning(tlsify.pid)) {
			isNobody(t, pid)
		}
		if got, _ := c.talk("end"); got != "54321\n54322\n54322\nend" {
			t.Errorf("PROG says %q", got)
		}
		c.noter.Close()
	}
	tlsify.signal(syscall.SIGTERM)
	tlsify.expect(143, "listening .*", "end 143")
}

// isNobody checks whose a process is, in each of the kernel's four ways, and in
// every thread.
func isNobody(t *testing.T, pid int) {
	t.Helper()
	threads, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/status")
	for _, thread := range threads {
		status, _ := os.ReadFile(thread)
		got := regexp.MustCompile(`(?m)^(Uid|Gid|Groups):(.*)$`).FindAllStringSubmatch(string(status), -1)
		for _, line := range got {
			for _, id := range strings.Fields(line[2]) {
				if !strings.Contains(nobody, id) {
					t.Errorf("%s: %s", thread, line[0])
				}
			}
		}
	}
	if len(threads) == 0 {
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
