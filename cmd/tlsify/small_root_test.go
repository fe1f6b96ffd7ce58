package main

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"tlsify/engine/enginetest"
)

// A root without /proc, /dev/null and the system's roots, as some containers and
// chroots have: a client without PROG goes without them, and all else says which
// file is missing.
func TestSmallRoot(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, for a root directory of its own")
	}
	t.Parallel()
	root := t.TempDir()
	program, err := exec.LookPath("tlsify")
	if err != nil {
		t.Fatal(err)
	}
	// By a process of its own: what this one has open for writing is open in all that is
	// forked meanwhile, too, and cannot be started until that has become another program.
	if out, err := exec.Command("cp", program, filepath.Join(root, "tlsify")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	enginetest.WriteFiles(t, enginetest.Chain(t, "good"), root, "good")
	if err := os.WriteFile(filepath.Join(root, "ca.pem"), enginetest.PKI(t).Root.PEM(), 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (out, errs string) {
		cmd := exec.CommandContext(t.Context(), "/tlsify", args...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
		cmd.Dir, cmd.Env = "/", []string{}
		var stdout, stderr bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("hello"), &stdout, &stderr
		if err := cmd.Run(); errors.Is(err, fs.ErrNotExist) { // it is there, but what loads it is not
			t.Skip("needs a test program without shared libraries")
		} else if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return stdout.String(), stderr.String()
	}
	s := startServer(t, "echo")
	client := []string{"--trust", "/ca.pem", "--name", enginetest.Host, s.address}
	if out, errs := run(client...); out != "hello" {
		t.Errorf("a client: %q, %s", out, errs)
	}
	serve := []string{"listen", "--cert", "/good.pem", "--key", "/good.key", "127.0.0.1:0", "--", "/tlsify", "version"}
	for _, c := range []struct {
		args []string
		want string
	}{
		{serve, "/dev/null: no such file or directory; of all forms only a client without PROG goes without it"},
		{append(client, "--", "/tlsify", "version"), "/dev/null: no such file or directory"},
		{[]string{"--name", enginetest.Host, s.address}, "there are no roots in the usual places: install the distribution's ca-certificates, or set SSL_CERT_FILE"},
	} {
		if _, errs := run(c.args...); !strings.Contains(errs, c.want) {
			t.Errorf("%q: %s, not %q", c.args, errs, c.want)
		}
	}
	// Where the network is descriptor 2, and there is nothing to put in its place, it is the
	// network all the same: what is said of that went there in clear.
	for _, env := range []string{"", "GODEBUG=x=1"} {
		for _, args := range []string{"accept --cert /good.pem --key /good.key -- /tlsify version", "accept --no-such", "connect --net-fd 0 --no-such"} {
			ours, theirs := tcpPair(t)
			network, err := theirs.File()
			if err != nil {
				t.Fatal(err)
			}
			theirs.Close()
			cmd := exec.CommandContext(t.Context(), "/tlsify", strings.Fields(args)...)
			cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
			cmd.Dir, cmd.Env = "/", []string{env}
			cmd.Stdin, cmd.Stdout, cmd.Stderr = network, network, network
			err = cmd.Run()
			network.Close()
			if got, readErr := io.ReadAll(ours); err == nil || len(got) != 0 || readErr != nil {
				t.Errorf("%s %s: %v; on the network, in clear: %q, %v", env, args, err, got, readErr)
			}
		}
	}
	if err := os.Mkdir(filepath.Join(root, "dev"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mknod(filepath.Join(root, "dev/null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))); err != nil {
		t.Skip("needs the right to mount a file system") // nor a device without it
	}
	for _, args := range [][]string{serve, append(client, "--", "/tlsify", "version")} {
		if _, errs := run(args...); !strings.Contains(errs, "/proc/self/exe: no such file or directory; of all forms only a client without PROG goes without it") {
			t.Errorf("%q: %s", args, errs)
		}
	}
}
