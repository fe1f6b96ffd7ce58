package status

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// parcelOf is one end of a pipe to hand over, and the other, by which can be
// seen who still has it.
func parcelOf(t *testing.T) (n int, other *os.File) {
	t.Helper()
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	return ends[1], program(t, ends[0])
}

// abandoned checks that nobody has the writing end any more.
func abandoned(t *testing.T, other *os.File) {
	t.Helper()
	if n, err := other.Read(make([]byte, 1)); n != 0 || err == nil || os.IsTimeout(err) {
		t.Errorf("the descriptor is still open somewhere: %d, %v", n, err)
	}
}

// The descriptor comes with the line's first byte, whatever the reader has
// still to read before that.
func TestHandOver(t *testing.T) {
	for _, backlog := range []int{0, 1, 5000} {
		c := begin(t, true, false)
		if !c.CanHandOver() {
			t.Fatal("it can't")
		}
		before := strings.Repeat("x", 20)
		for range backlog {
			c.Say(before)
		}
		n, other := parcelOf(t)
		if err := c.HandOver(n, "handoff", "socketpair"); err != nil {
			t.Fatal(err)
		}
		c.Say("ready")
		text, given, at := "", -1, -1
		for !strings.HasSuffix(text, "ready\n") {
			buf, oob := make([]byte, 1000), make([]byte, unix.CmsgSpace(4))
			got, oobn, _, _, err := recvmsg(c, buf, oob)
			if err != nil || got == 0 {
				t.Fatalf("%d bytes, %v", got, err)
			}
			text += string(buf[:got])
			if messages, err := unix.ParseSocketControlMessage(oob[:oobn]); err == nil && len(messages) == 1 {
				fds, err := unix.ParseUnixRights(&messages[0])
				if err != nil || given >= 0 {
					t.Fatalf("%v, %v", fds, err)
				}
				given, at = fds[0], len(text)
			}
		}
		if want := strings.Repeat(before+"\n", backlog); text != want+"handoff socketpair\nready\n" || at != len(want)+1 {
			t.Errorf("after %d lines: %.60q..., the descriptor at %d", backlog, text, at)
		}
		unix.Close(given)
		abandoned(t, other)
	}
}

// recvmsg waits as the reader's deadline has it.
func recvmsg(c *talk, buf, oob []byte) (n, oobn, flags int, from unix.Sockaddr, err error) {
	raw, err := c.reader.SyscallConn()
	if err != nil {
		return
	}
	waitErr := raw.Read(func(fd uintptr) bool {
		n, oobn, flags, from, err = unix.Recvmsg(int(fd), buf, oob, unix.MSG_CMSG_CLOEXEC)
		return err != unix.EAGAIN
	})
	if waitErr != nil {
		err = waitErr
	}
	return
}

// A reader that is gone, or far behind, gets no descriptor, and it is not kept.
func TestHandOverNot(t *testing.T) {
	t.Run("behind", func(t *testing.T) {
		c := begin(t, true, false)
		for range 40 {
			c.Say(strings.Repeat("x", 1<<15))
		}
		n, other := parcelOf(t)
		if err := c.HandOver(n, "handoff"); err != ErrFull {
			t.Error(err)
		}
		abandoned(t, other)
	})
	t.Run("gone", func(t *testing.T) {
		c := begin(t, true, false)
		c.reader.Close()
		c.Say("anyone?")
		n, other := parcelOf(t)
		if err := c.HandOver(n, "handoff"); err != ErrFull {
			t.Error(err)
		}
		abandoned(t, other)
	})
	t.Run("goes", func(t *testing.T) {
		c := begin(t, true, false)
		for range 20 {
			c.Say(strings.Repeat("x", 1<<14))
		}
		n, other := parcelOf(t)
		if err := c.HandOver(n, "handoff"); err != nil {
			t.Error(err)
		}
		c.reader.Close()
		abandoned(t, other)
	})
	if begin(t, false, false).CanHandOver() {
		t.Error("a pipe takes descriptors")
	}
	if (*Channel)(nil).CanHandOver() {
		t.Error("no channel takes descriptors")
	}
}
