package main

import (
	"io"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"tlsify/engine/enginetest"
)

// What telnetd sends as urgent (MSG_OOB) lacked its last byte, the IAC of an IAC DM. So did
// what a program sent so to a local port, where tlsify has the connection on 0 and 1, in
// the place of openssl, too.
func TestUrgentBytesAreBytes(t *testing.T) {
	const want = "before urgent behind"
	t.Run("prog", func(t *testing.T) {
		if _, err := exec.LookPath("perl"); err != nil {
			t.Skip("needs perl")
		}
		t.Parallel()
		l := newLaunch(t)
		ours, theirs := tcpPair(t)
		l.give(4, rawOf(t, theirs))
		theirs.Close()
		accept := l.start(append(append([]string{"accept", "--net-fd", "4"}, identity(t)...), "--",
			"perl", "-MSocket", "-e", `send STDOUT, "before ", 0; send STDOUT, "urgent", MSG_OOB; send STDOUT, " behind", 0`)...)
		peer, err := newClient(ours, clientConfig(t))
		if err != nil {
			t.Fatal(err)
		}
		if got, how := peer.hear(); got != want || how != "close_notify" {
			t.Errorf("got %q, end %s", got, how)
		}
		ours.Close()
		accept.wait()
	})
	callers := map[string]struct {
		make func(t *testing.T) *launch
		args []string
	}{
		"caller": {func(t *testing.T) *launch { return newLaunch(t) }, []string{"connect", "--trust", pkiFiles(t) + "/ca.pem", "--name", enginetest.Host}},
		"lines": {func(t *testing.T) *launch { return under(t, "openssl") },
			[]string{"s_client", "-quiet", "-no_ign_eof", "-crlf", "-CAfile", pkiFiles(t) + "/ca.pem", "-servername", enginetest.Host, "-connect"}},
	}
	for name, c := range callers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, "echo")
			ours, theirs := tcpPair(t)
			l := c.make(t)
			n := rawOf(t, theirs)
			l.give(0, n)
			l.give(1, n)
			theirs.Close()
			tlsify := l.start(append(c.args, s.address)...)
			io.WriteString(ours, "before ")
			raw, err := ours.SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			raw.Write(func(n uintptr) bool {
				err = unix.Sendto(int(n), []byte("urgent"), unix.MSG_OOB, nil)
				return err != unix.EAGAIN
			})
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(ours, " behind")
			ours.CloseWrite()
			if got, err := io.ReadAll(ours); string(got) != want || err != nil {
				t.Errorf("got %q, %v", got, err)
			}
			ours.Close()
			if status := tlsify.wait(); status != 0 {
				t.Errorf("status %d", status)
			}
		})
	}
}
