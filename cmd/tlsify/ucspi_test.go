package main

import (
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"tlsify/engine/enginetest"
)

// ucspi is a program that prints the variables of UCSPI.
const ucspi = `env | grep -E "^(PROTO|TCP)" | sort`

// PROG finds the connection's addresses as UCSPI clients have them, and none of
// those of the connection that it may be serving itself.
func TestUCSPIClient(t *testing.T) {
	for _, place := range []string{"dialed", "net-fd"} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, "talk")
			l := newLaunch(t)
			l.env = append(l.env, "PROTO=TCP", "TCPREMOTEIP=192.0.2.1", "TCPREMOTEHOST=forged.test", "TCPREMOTEINFO=forged", "TCPLOCALHOST=forged.test")
			args := connectTo(t, s)
			if place == "net-fd" {
				conn, err := dialRaw(s.address)
				if err != nil {
					t.Fatal(err)
				}
				l.give(5, rawOf(t, conn))
				conn.Close()
				args = append(args[:len(args)-1], "--net-fd", "5")
			}
			l.start(append(args, "--", "sh", "-c", ucspi)...).expect(0, "ready", "end 0")
			_, port, _ := net.SplitHostPort(s.address)
			got := strings.Split(strings.TrimSpace(l.out.all()), "\n")
			if missing := outOfOrder(got, []string{"PROTO=TCP", `TCPLOCALIP=127\.0\.0\.1`, `TCPLOCALPORT=\d+`, `TCPREMOTEIP=127\.0\.0\.1`, "TCPREMOTEPORT=" + port}); missing != "" || len(got) != 5 {
				t.Errorf("no %s in %q", missing, got)
			}
		})
	}
	t.Run("name", func(t *testing.T) {
		t.Parallel()
		s := startServer(t, "talk")
		l := newLaunch(t)
		_, port, _ := net.SplitHostPort(s.address)
		args := slices.Concat([]string{"connect", "-4", "--name", enginetest.Host}, trusting(t), []string{"localhost:" + port, "--", "sh", "-c", ucspi})
		l.start(args...).expect(0, "ready", "end 0")
		if got := l.out.all(); !strings.Contains(got, "TCPREMOTEHOST=localhost\n") {
			t.Errorf("it finds %q", got)
		}
	})
}

// A server's PROG has what its UCSPI server said; where there is none, the
// socket's addresses.
func TestUCSPIServer(t *testing.T) {
	t.Run("under one", func(t *testing.T) {
		t.Parallel()
		ours, theirs := tcpPair(t)
		l := newLaunch(t)
		l.quietly()
		l.give(0, rawOf(t, theirs))
		l.give(1, rawOf(t, theirs))
		theirs.Close()
		l.env = append(l.env, "PROTO=TCP", "TCPREMOTEIP=192.0.2.1", "TCPREMOTEHOST=client.test")
		l.start(slices.Concat([]string{"accept", "--net-fd", "0,1"}, identity(t), []string{"--", "sh", "-c", ucspi})...)
		c, err := newClient(ours, clientConfig(t))
		if err != nil {
			t.Fatal(err)
		}
		if got, how := c.talk(""); got != "PROTO=TCP\nTCPREMOTEHOST=client.test\nTCPREMOTEIP=192.0.2.1\n" || how != "close_notify" {
			t.Errorf("PROG says %q, and ends with %s", got, how)
		}
	})
	t.Run("listen", func(t *testing.T) {
		t.Parallel()
		t.Log("what the listener's own environment says of another connection is not handed on")
		l := newLaunch(t)
		l.env = append(l.env, "PROTO=TCP", "TCPREMOTEIP=192.0.2.1")
		tlsify := l.start(slices.Concat([]string{"listen"}, identity(t), []string{"127.0.0.1:0", "--", "sh", "-c", ucspi})...)
		c, err := dialClient(tlsify.await("listening"), clientConfig(t))
		if err != nil {
			t.Fatal(err)
		}
		got, _ := c.talk("")
		_, port, _ := net.SplitHostPort(c.noter.LocalAddr().String())
		c.noter.Close()
		if !strings.Contains(got, "PROTO=TCP\n") || !strings.Contains(got, "TCPREMOTEIP=127.0.0.1\n") || !strings.Contains(got, "TCPREMOTEPORT="+port+"\n") {
			t.Errorf("PROG says %q", got)
		}
	})
	t.Run("no TCP", func(t *testing.T) {
		t.Parallel()
		l := newLaunch(t)
		conn := l.socket(5)
		l.start(slices.Concat([]string{"accept", "--net-fd", "5"}, identity(t), []string{"--", "sh", "-c", "cat >/dev/null; " + ucspi})...)
		c, err := newClient(conn, clientConfig(t))
		if err != nil {
			t.Fatal(err)
		}
		c.CloseWrite()
		if got, err := io.ReadAll(c); len(got) > 0 || err != nil {
			t.Errorf("PROG says %q, %v", got, err)
		}
	})
}
