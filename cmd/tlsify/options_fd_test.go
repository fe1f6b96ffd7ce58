package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/engine/enginetest"
)

// Options may come by a descriptor, which the empty line gives back to the
// caller, or which ends.
func TestOptionsDescriptor(t *testing.T) {
	for name, end := range map[string]string{"empty-line": "\nnot-an-option\n", "end-of-file": "EOF", "no-newline": "tolerate-truncation EOF"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, "talk")
			l := newLaunch(t)
			r, w := pipeRaw(t)
			mine := keep(t, dup(t, r))
			l.give(9, r)
			options := os.NewFile(uintptr(w), "options")
			defer options.Close()
			fmt.Fprintf(options, "trust %s/ca.pem\nname %s\nverbose\nsni sent.test\n", pkiFiles(t), enginetest.Host)
			if text, ends := strings.CutSuffix(end, "EOF"); ends {
				io.WriteString(options, strings.TrimSuffix(text, " "))
				options.Close()
			} else {
				io.WriteString(options, end)
			}
			tlsify := l.start("connect", "--options-fd", "9", s.address)
			if status := tlsify.wait(); status != 0 {
				t.Errorf("status %d: %s", status, l.err.all())
			}
			if notes := s.seen(t, 1); !strings.Contains(notes, "hello sent.test\n") {
				t.Errorf("the server saw: %s", notes)
			}
			if left, _ := unix.IoctlGetUint32(mine, unix.TIOCINQ); name == "empty-line" && int(left) != len("not-an-option\n") {
				t.Errorf("%d bytes are left behind the empty line", left)
			}
		})
	}
}

func TestBadOptionsDescriptor(t *testing.T) {
	for _, c := range []struct{ name, args, lines, text string }{
		{"unknown", "", "no-check\n", `unknown option "no-check"`},
		{"assigned", "", "proxy=http://me:secret@h:1\n", "a line is `NAME VALUE`, and not what begins with \"proxy=\""},
		{"assigned-in-a-word", "", "me:secret@h\n", "a line is `NAME VALUE`, and not what begins with \"me:\""},
		{"indented", "", "    proxy http://me:secret@h:1\n", "a line is `NAME VALUE`, and begins with no blank"},
		{"dashes", "", "--name a.test\n", `unknown option "--name": here it stands without dashes: name`},
		{"twice", "", "sni a.test\nsni b.test\n", `--sni is given twice`},
		{"in-argv-as-well", "--sni a.test", "sni b.test\n", `--sni is given twice`},
		{"switch-with-value", "", "opportunistic no\n", `opportunistic takes no value`},
		{"without-value", "", "name\n", `name needs a value`},
		{"of-another-form", "", "client-auth none\n", `--client-auth is not for connect`},
		{"control-fd", "", "control-fd 5\n", `control-fd must be in the arguments`},
		{"options-fd", "", "options-fd 9\n", `unknown option "options-fd"`},
		{"help", "", "help\n", `unknown option "help"`},
		{"nul", "", "name a.test\x00b\n", `a NUL on descriptor 9`},
		{"1-MiB-line", "", "name " + strings.Repeat("a", 1<<20) + "\n", `more than 65536 bytes`},
		{"1-MiB-of-lines", "", strings.Repeat("name a.test\n", 90_000), `more than 65536 bytes`},
		{"faulty-arguments", "--nosuch", "sni a.test\n", `unknown option --nosuch`},
		{"bad-value", "", "min-security low\n", `--min-security: want standard, tls13, pq, pq-auth, or one of cnsa2, bsi, fips202205, wpa202304, not "low"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newLaunch(t)
			options := l.feed(9)
			go func() {
				io.WriteString(options, c.lines) // fails where it gives up early
				options.Close()
			}()
			args := append([]string{"connect", "--options-fd", "9"}, strings.Fields(c.args)...)
			l.start(append(args, "localhost:1")...).expect(1, "tlsify 1 .*", "error usage .*", "end 1")
			if !strings.Contains(l.err.text(), c.text) {
				t.Errorf("descriptor 2: %q does not have %q", l.err.text(), c.text)
			}
		})
	}
}

// Options that do not end are waited for, for 10 seconds.
func TestEndlessOptions(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 10 seconds: not with -short")
	}
	t.Parallel()
	l := newLaunch(t)
	options := l.feed(9)
	io.WriteString(options, "name a.test\n")
	began := time.Now()
	l.start("connect", "--options-fd", "9", "localhost:1").expect(1, "error usage .*no end of the options.*")
	if took := time.Since(began); took < 9*time.Second || took > 12*time.Second {
		t.Errorf("it waited for %v", took)
	}
}

// Every file may be a descriptor, which is read from where it is.
func TestFilesFromDescriptors(t *testing.T) {
	t.Parallel()
	pki := pkiFiles(t)
	s := startServer(t, "talk", "client-auth=verify")
	l := newLaunch(t)
	public := t.TempDir() + "/pin.pem"
	os.WriteFile(public, firstBlock(t, pki+"/good.pem"), 0o600)
	l.give(10, openRaw(t, pki+"/ca.pem", unix.O_RDONLY))
	l.give(11, openRaw(t, public, unix.O_RDONLY))
	cert, key, log := l.feed(12), l.feed(13), l.capture(14)
	tlsify := l.start("connect", "--name", enginetest.Host, "--trust", "fd:10", "--pin", "fd:11",
		"--cert", "fd:12", "--key", "fd:13", "--keylog", "fd:14", s.address)
	copyTo(t, cert, pki+"/client.pem")
	copyTo(t, key, pki+"/client.key")
	tlsify.expect(0, "verified trust .*", "verified pin .*", "ready", "end 0")
	if notes := s.seen(t, 1); !strings.Contains(notes, "client-cert CN=tlsify test client") {
		t.Errorf("the server saw: %s", notes)
	}
	if secrets := log.all(); !strings.Contains(secrets, "CLIENT_TRAFFIC_SECRET_0 ") {
		t.Errorf("the key log has %q", secrets)
	}
}

// One descriptor may hold certificate and key together.
func TestCertAndKeyFromOneDescriptor(t *testing.T) {
	t.Parallel()
	pki := pkiFiles(t)
	s := startServer(t, "talk", "client-auth=verify")
	l := newLaunch(t)
	both := l.feed(12)
	tlsify := l.start(connectTo(t, s, "--cert", "fd:12", "--key", "fd:12")...)
	for _, name := range []string{"/client.key", "/client.pem"} {
		content, _ := os.ReadFile(pki + name)
		both.Write(content)
	}
	both.Close()
	tlsify.expect(0, "ready", "end 0")
}

// firstBlock is the leaf of a chain's file.
func firstBlock(t testing.TB, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const end = "-----END CERTIFICATE-----\n"
	return content[:strings.Index(string(content), end)+len(end)]
}
