package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/engine/enginetest"
)

// delayed is how long a Linux kernel waits for something to send along with an
// acknowledgement.
const delayed = 40 * time.Millisecond

// promptly fails where every one of many exchanges takes as long as an
// acknowledgement may be late. With one that is late all of them do; without, a busy
// machine can make some of them do.
func promptly(t *testing.T, exchange func() time.Duration) {
	t.Helper()
	fastest := exchange()
	for tries := 1; fastest >= delayed && tries < 40; tries++ {
		fastest = min(fastest, exchange())
	}
	if fastest >= delayed {
		t.Errorf("the fastest of 40 answers took %v", fastest)
	}
}

// answered waits for the answer to the question, and tells how long it took.
func answered(t *testing.T, from io.Reader, start time.Time) time.Duration {
	t.Helper()
	line, err := bufio.NewReader(from).ReadString('\n')
	took := time.Since(start)
	if line != "question\n" || err != nil {
		t.Fatalf("%q, %v", line, err)
	}
	return took
}

// Most servers leave Nagle's algorithm on, as socat does: what they answer waits until
// their tickets have been acknowledged, to which a client has nothing to say.
func TestAnswerOfServerWithNagle(t *testing.T) {
	pki, port := pkiFiles(t), unusedPort(t)
	address := background(t, pki, port, "socat", "openssl-listen:"+port+",bind=127.0.0.1,reuseaddr,fork,cert=good.pem,key=good.key,verify=0", "exec:cat")
	if address == "" {
		t.Skip("needs socat")
	}
	for _, pump := range []string{"record", "session"} {
		t.Run(pump, func(t *testing.T) {
			promptly(t, func() time.Duration {
				l := newLaunch(t)
				c := l.socket(0, 1)
				start := time.Now()
				tlsify := l.start("connect", "--trust", pki+"/ca.pem", "--name", enginetest.Host, "--pump", pump, address)
				io.WriteString(c, "question\n")
				took := answered(t, c, start)
				c.CloseWrite()
				tlsify.expect(0, "ready", "end 0")
				return took
			})
		})
	}
}

// And most clients do: what they ask waits until their Finished has been acknowledged,
// to which a server without tickets has nothing to say.
func TestQuestionOfClientWithNagle(t *testing.T) {
	if _, err := exec.LookPath("socat"); err != nil {
		t.Skip("needs socat")
	}
	pki := pkiFiles(t)
	l, err := startListener(os.Stderr, os.Environ(), append(identity(t), "127.0.0.1:0", "--", "prog", "cat")...)
	if err != nil {
		t.Fatal(err)
	}
	promptly(t, func() time.Duration {
		client := exec.Command("socat", "-", "openssl-connect:"+l.address+",cafile="+pki+"/ca.pem,commonname="+enginetest.Host)
		in, err1 := client.StdinPipe()
		out, err2 := client.StdoutPipe()
		start := time.Now()
		if err := client.Start(); err != nil || err1 != nil || err2 != nil {
			t.Fatal(err, err1, err2)
		}
		io.WriteString(in, "question\n")
		took := answered(t, out, start)
		in.Close()
		if err := client.Wait(); err != nil {
			t.Error(err)
		}
		return took
	})
	if err := l.stop(); err != nil {
		t.Error(err)
	}
}

// A program that connects to a local port, where tlsify has the connection on 0 and 1 as
// of tcpserver, waited 40 ms for the second piece of each answer: a server turns Nagle's
// algorithm off on its own socket, and nobody did on that one.
func TestLocalPortWithNagle(t *testing.T) {
	ours, theirs := tcpPair(t)
	n := rawOf(t, theirs)
	theirs.Close()
	if err := unix.SetsockoptInt(n, unix.IPPROTO_TCP, unix.TCP_NODELAY, 0); err != nil {
		t.Fatal(err)
	}
	kept := keep(t, dup(t, n))
	l := newLaunch(t)
	l.give(0, n)
	l.give(1, n)
	s := startServer(t, "echo")
	tlsify := l.start("connect", "--trust", pkiFiles(t)+"/ca.pem", "--name", enginetest.Host, s.address)
	io.WriteString(ours, "question\n")
	answered(t, ours, time.Now())
	if on, err := unix.GetsockoptInt(kept, unix.IPPROTO_TCP, unix.TCP_NODELAY); on == 0 || err != nil {
		t.Errorf("TCP_NODELAY is %d, %v", on, err)
	}
	ours.Close()
	tlsify.wait()
}
