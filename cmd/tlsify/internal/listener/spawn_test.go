package listener

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/acquire"
	"tlsify/cmd/tlsify/internal/invocation"
	"tlsify/cmd/tlsify/internal/status"
)

// A process that has not asked for its material in time, or that could not be given its
// connection, was left behind, and its client without a word: it would have waited for ever.
func TestProcessWithoutConnectionIsEnded(t *testing.T) {
	for name, c := range map[string]struct{ unfit, want error }{
		"slow":     {&os.PathError{Op: "read", Path: "door", Err: os.ErrDeadlineExceeded}, errSlow},
		"not told": {nil, syscall.ENOTSOCK}, // for ETOOMANYREFS: too many descriptors of the user's are under way
	} {
		t.Run(name, func(t *testing.T) { processIsEnded(t, c.unfit, c.want) })
	}
}

func processIsEnded(t *testing.T, unfit, want error) {
	here, there, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer here.Close()
	defer there.Close()
	s := &service{inv: &acquire.Resources{}, children: &children{ended: map[int]func(syscall.WaitStatus){}},
		admission: newAdmission(invocation.Admission{Connections: 1, PerAddress: 1, Handshakes: 1, Waiting: 1}, time.Now)}
	var dismissed []*accept
	slow := &accept{furnished: make(chan struct{}), unfit: unfit, door: here, said: there}
	close(slow.furnished)
	s.pool = pool{start: func(func() error) (*accept, error) { return slow, nil }, dismiss: func(a *accept) { dismissed = append(dismissed, a) }}
	v, _ := s.admission.enter(originOf(nil), func() {})
	s.admission.queue(v)
	if err := s.spawn(v, -1); !errors.Is(err, want) {
		t.Errorf("%v", err)
	}
	if len(dismissed) != 1 {
		t.Error("it is not ended")
	}
}

// A process that has ended before it asked for anything has nothing of the connection:
// another one gets it, a few times over.
func TestProcessThatEndsAtItsStartHasASuccessor(t *testing.T) {
	for _, ends := range []int{1, mostTries - 1} {
		s := &service{inv: &acquire.Resources{}, children: &children{ended: map[int]func(syscall.WaitStatus){}},
			admission: newAdmission(invocation.Admission{Connections: 1, PerAddress: 1, Handshakes: 1, Waiting: 1}, time.Now)}
		started, dismissed := 0, 0
		s.pool = pool{dismiss: func(*accept) { dismissed++ }, start: func(func() error) (*accept, error) {
			if started++; started > ends {
				return nil, errSlow
			}
			here, there, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			there.Close()
			a := &accept{furnished: make(chan struct{}), unfit: errEndedAtStart, door: here, said: here}
			close(a.furnished)
			return a, nil
		}}
		v, _ := s.admission.enter(originOf(nil), func() {})
		s.admission.queue(v)
		if err := s.spawn(v, -1); err != errSlow || dismissed != ends {
			t.Errorf("%d: %v, %d dismissed of %d", ends, err, dismissed, started)
		}
	}
}

// A client that sends its first message and leaves took a process all the same, and those
// who stayed waited for theirs behind hundreds of these.
func TestNoProcessForWhoHasLeft(t *testing.T) {
	for name, want := range map[string]error{"before its turn": errLeft, "before the process's turn": errLeft, "for another's sake": limitError("--max-handshakes"), "not": errSlow} {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		client, conn := os.NewFile(uintptr(pair[0]), "client"), os.NewFile(uintptr(pair[1]), "connection")
		s := &service{inv: &acquire.Resources{}, children: &children{ended: map[int]func(syscall.WaitStatus){}},
			admission: newAdmission(invocation.Admission{Connections: 1, PerAddress: 1, Handshakes: 1, Waiting: 1}, time.Now)}
		v, _ := s.admission.enter(originOf(nil), func() {})
		s.admission.queue(v)
		s.pool = pool{dismiss: func(*accept) {}, start: func(wanted func() error) (*accept, error) {
			switch name {
			case "before its turn":
				t.Error("it gets a process")
			case "before the process's turn":
				client.Close()
			case "for another's sake":
				s.admission.endOldest(s.admission.unfinished, anyone)
			}
			if err := wanted(); err != nil {
				return nil, err
			}
			return nil, errSlow
		}}
		if name == "before its turn" {
			client.Close()
		}
		if err := s.spawn(v, int(conn.Fd())); err != want {
			t.Errorf("%s: %v", name, err)
		}
		client.Close()
		conn.Close()
	}
}

// Of the variables of a service manager an accept and its program have none, and of
// others all.
func TestHandedOn(t *testing.T) {
	env := []string{"LISTEN_PID=1", "LISTEN_FDS=1", "LISTEN_FDNAMES=tls", "LISTEN_PIDFDID=2", "PROTO=TCP", "LISTEN_ADDRESS=mine", "A=b"}
	if got := handedOn(env); !slices.Equal(got, []string{"LISTEN_ADDRESS=mine", "A=b"}) {
		t.Errorf("%q", got)
	}
}

// A file is not removed for an abstract address that is spelt like its name.
func TestAbstractAddressHasNoFile(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"@abstract", "socket"} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		target := invocation.Target{Network: "unix", Address: name}
		remove(target, identityOf(target))
		if _, err := os.Stat(name); (err == nil) != (name == "@abstract") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A process that the peer has taken over could make up kinds of lines: hundreds of them
// were told in a moment, and with those of the listener's own kinds it could keep back
// what the listener has to say itself.
func TestLinesOfAStranger(t *testing.T) {
	var lines []string
	s := &service{admission: newAdmission(invocation.Admission{Connections: 1, PerAddress: 1, Handshakes: 1, Waiting: 1}, time.Now),
		notices: status.NewLog(func(line string) { lines = append(lines, line) })}
	said, its, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for i := range 1000 {
			fmt.Fprintf(its, "error made-up-%d one\nerror reloaded two\nerror died three\n", i)
		}
		its.Close()
	}()
	v, _ := s.admission.enter(originOf(nil), func() {})
	v.client = "192.0.2.1:7"
	s.hear(v, said)
	s.notices.Tell("reloaded", "listener", "the listener's own")
	s.notices.Close(time.Second)
	if count := len(lines); count > 8 || !strings.Contains(lines[count-2], "the listener's own") || !slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, "has died") }) {
		t.Errorf("%d lines: %q", count, lines[max(0, count-10):])
	}
}

// A process that ends without a word has died, but for one that we have ended to make room
// for another, of which the line says that.
func TestDeathIsTold(t *testing.T) {
	for name, test := range map[string]struct {
		said  string
		ended bool
		told  string
	}{
		"has said how it ended": {"ready\nend 0\n", false, ""},
		"has died":              {"ready\n", false, "has died"},
		"was ended by us":       {"", true, "others needed the room"},
	} {
		var lines []string
		s := &service{admission: newAdmission(invocation.Admission{Connections: 1, PerAddress: 1, Handshakes: 1, Waiting: 1}, time.Now),
			notices: status.NewLog(func(line string) { lines = append(lines, line) })}
		s.pool.room = func() int { return 0 }
		said, its, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		its.WriteString(test.said)
		its.Close()
		v, _ := s.admission.enter(originOf(nil), func() {})
		v.ended = test.ended
		s.hear(v, said)
		s.notices.Close(time.Second)
		if told := strings.Join(lines, "\n"); (told == "") != (test.told == "") || !strings.Contains(told, test.told) {
			t.Errorf("%s: %q", name, lines)
		}
	}
}

// A process that ends soon was known to have ended before it was heard that its handshake
// was over: on a busy machine an honest client was taken for one that had left it unfinished,
// and gave way to all others for minutes.
func TestWhoWasEstablishedIsNoOffender(t *testing.T) {
	s := &service{admission: newAdmission(invocation.Admission{Connections: 1, PerAddress: 1, Handshakes: 1, Waiting: 1}, time.Now),
		notices: status.NewLog(func(string) {})}
	s.pool.room = func() int { return 0 }
	said, its, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	door, far, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	its.WriteString("ready\nend 0\n")
	its.Close()
	v, _ := s.admission.enter(netip.MustParsePrefix("192.0.2.1/32"), func() {})
	s.admission.queue(v)
	a := &accept{said: said, door: door, heard: make(chan struct{})}
	a.end()
	s.follow(a, v)
	for s.admission.room() == 0 {
		time.Sleep(time.Millisecond)
	}
	s.admission.mu.Lock()
	defer s.admission.mu.Unlock()
	if s.admission.offends(v) || v.state != over {
		t.Errorf("an offender: %v; state %v", s.admission.offends(v), v.state)
	}
}
