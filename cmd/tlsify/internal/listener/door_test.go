package listener

import (
	"bytes"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/process"
	"tlsify/cmd/tlsify/internal/status"
)

// Nothing secret is with an accept before it asks, and then all of it is where it
// is to be.
func TestSecretsAreAskedFor(t *testing.T) {
	ends, err := process.SocketPair()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(ends[1])
	unix.SetNonblock(ends[0], true)
	contents := map[int][]byte{}
	for _, content := range []string{"a ticket key", "", string(bytes.Repeat([]byte("x"), 1<<20))} {
		n, err := process.OpenNull()
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(n)
		contents[n] = []byte(content)
	}
	given := make(chan bool)
	go func() {
		giveWhenAsked(os.NewFile(uintptr(ends[0]), "ours"), contents, 10*time.Second)
		close(given)
	}()
	time.Sleep(50 * time.Millisecond)
	if n, _, err := unix.Recvfrom(ends[1], make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT); err != unix.EAGAIN {
		t.Fatalf("there is something before it was asked for: %d, %v", n, err)
	}
	if err := receive(ends[1]); err != nil {
		t.Fatal(err)
	}
	<-given
	for n, want := range contents {
		got := make([]byte, len(want)+1)
		if count, err := unix.Pread(n, got, 0); err != nil || !bytes.Equal(got[:count], want) {
			t.Errorf("descriptor %d has %d bytes of %d, %v", n, count, len(want), err)
		}
	}
}

// One that never asks does not hold anything for ever.
func TestSecretsAreNotWaitedForLong(t *testing.T) {
	ends, err := process.SocketPair()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(ends[1])
	unix.SetNonblock(ends[0], true)
	began := time.Now()
	giveWhenAsked(os.NewFile(uintptr(ends[0]), "ours"), map[int][]byte{7: []byte("secret")}, 50*time.Millisecond)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

// An accept has all that it was to get, or does not serve.
func TestSecretsAreWholeOrNotThere(t *testing.T) {
	const most = "\x02\x00\x00\x00" // secretsLimit
	for name, given := range map[string]string{
		"nothing":            "",
		"part of a head":     "\x00\x00\x03\xe7\x00",
		"no content":         "\x00\x00\x03\xe7\x00\x00\x00\x02",
		"part of a content":  "\x00\x00\x03\xe7\x00\x00\x00\x02a",
		"no end":             "\x00\x00\x03\xe7\x00\x00\x00\x02ab",
		"too much":           "\x00\x00\x03\xe7" + most[:3] + "\x01",
		"as much as can be":  "\x00\x00\x03\xe7" + most,
		"no such descriptor": "\x7f\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x00",
	} {
		ends, err := process.SocketPair()
		if err != nil {
			t.Fatal(err)
		}
		unix.Write(ends[0], []byte(given))
		unix.Shutdown(ends[0], unix.SHUT_WR)
		if err := receive(ends[1]); err == nil || (err == unix.EFBIG) != (name == "too much") {
			t.Errorf("%s: %v", name, err)
		}
		unix.Close(ends[0])
		unix.Close(ends[1])
		unix.Close(0x3e7)
	}
}

// What begins as an accept of a listener's, and was started by none, does not serve: a
// person may have written that.
func TestBeginIsForListeners(t *testing.T) {
	for _, args := range [][]string{nil, {"0", "9"}, {"0", "2", "0"}, {"0", "x", "0"}, {"2", "9", "0"}, {"0", "-1", "0", "--cert"}} {
		if heard, exit := Begin(args); exit != status.Usage || heard.Args != nil {
			t.Errorf("%q: %d, %q", args, exit, heard.Args)
		}
	}
}
