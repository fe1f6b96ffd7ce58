package caller

import (
	"errors"
	"io"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/facts"
	"tlsify/cmd/tlsify/internal/personality"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
	"tlsify/stream"
	"tlsify/stream/streamtest"
)

func TestNetworkLines(t *testing.T) {
	for _, c := range []struct {
		last     byte
		in, want string
	}{
		{0, "a\nb\r\n\n", "a\r\nb\r\n\r\n"},
		{0, "\n", "\r\n"},
		{'\r', "\n", "\n"}, // they came one after the other
		{'\n', "\n", "\r\n"},
		{'a', "\rb", "\rb"},
	} {
		if got := string(networkLines([]byte(c.in), c.last)); got != c.want {
			t.Errorf("%q behind %q: %q, want %q", c.in, c.last, got, c.want)
		}
	}
}

// With -quiet nothing is told, and the ciphers and the ends of lines hold all the same.
func TestQuietSClient(t *testing.T) {
	if teller, err := newTeller(&personality.Call{}); teller != nil || err != nil {
		t.Errorf("of nothing: %+v, %v", teller, err)
	}
	if teller, err := newTeller(&personality.Call{CRLF: true, NoInput: true}); err != nil || teller == nil || teller.sClient == nil {
		t.Errorf("of -crlf: %+v, %v", teller, err)
	}
	const wanted = "TLS_AES_256_GCM_SHA384"
	for cipher, takes := range map[engine.Cipher]bool{engine.AES256GCM: true, engine.AES128GCM: false} {
		teller, err := newTeller(&personality.Call{Ciphers: []string{wanted}})
		if err != nil {
			t.Fatal(err)
		}
		err = teller.Ready(&facts.Facts{State: &engine.State{Version: engine.TLS13, Cipher: cipher}})
		if failure, _ := errors.AsType[*status.Failure](err); (err == nil) != takes || !takes && (failure == nil || failure.Code != "security-level") {
			t.Errorf("%v: %v", cipher, err)
		}
	}
}

// A caller with -crlf that resets its socket has neither ended nor stayed. Nobody was told
// of it, and tlsify waited for the server, however long that took.
func TestLinesEndAsTheyEnd(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere nothing is reset by being left unread")
	}
	before, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(before)
	defer unix.Dup2(before, 0)
	for _, resets := range []bool{false, true} {
		ends := streamtest.Socketpair(t)
		unix.Dup2(ends[1], 0)
		l, err := newLines()
		if err != nil {
			t.Fatal(err)
		}
		in, err := stream.NewFD(0)
		if err != nil {
			t.Fatal(err)
		}
		if resets {
			unix.Write(ends[1], []byte("unread"))
		}
		unix.Close(ends[1])
		over := streamtest.Started(func() bool { l.run(); return true })
		unix.Write(ends[0], []byte("a\n"))
		streamtest.WantRead(t, in, "a\r\n")
		unix.Write(ends[0], []byte("b\r")) // half of an end
		streamtest.WantRead(t, in, "b\r")
		unix.Write(ends[0], []byte("\n"))
		streamtest.WantRead(t, in, "\n")
		unix.Close(ends[0])
		streamtest.Soon(t, "copying", over)
		_, err = in.Read(make([]byte, 1))
		if !resets && err != io.EOF || resets && !errors.Is(err, unix.ECONNRESET) {
			t.Errorf("resets: %t: %v", resets, err)
		}
		unix.Close(l.from)
	}
}
