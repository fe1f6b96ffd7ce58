package sessions

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func key(s string) (k [32]byte) {
	copy(k[:], s)
	return k
}

func session(ticket string) *Session {
	return &Session{
		Tickets:      [][]byte{[]byte(ticket)},
		Certificates: [][]byte{[]byte("leaf"), []byte("issuer")},
		Staple:       []byte("staple"),
		Timestamps:   [][]byte{[]byte("t1"), []byte("t2")},
	}
}

func TestTakeGivesWhatWasPutOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	if err := Put(At(path), key("a"), session("one")); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", st.Mode(), err)
	}
	got, err := Take(At(path), key("a"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(session("one"), got); diff != "" {
		t.Error(diff)
	}
	if _, err := Take(At(path), key("a")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the second Take: %v", err)
	}
}

func TestAnotherKeyGetsNothingAndTakesNothingAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	if err := Put(At(path), key("a"), session("one")); err != nil {
		t.Fatal(err)
	}
	if _, err := Take(At(path), key("b")); err != errOtherKey {
		t.Errorf("with another key: %v", err)
	}
	if _, err := Take(At(path), key("a")); err != nil {
		t.Errorf("afterwards with the right key: %v", err)
	}
}

func TestFilesThatOthersCouldHaveMadeAreNotUsed(t *testing.T) {
	content := session("one").Encode(key("a"))
	many := session("one")
	for range MaxTickets {
		many.Tickets = append(many.Tickets, []byte("another"))
	}
	noTicket, emptyTicket, noChain := session("one"), session(""), session("one")
	noTicket.Tickets, noChain.Certificates = nil, nil
	// A damaged file goes. What may be another's is left alone.
	damaged := []string{"truncated", "empty", "trailing", "twice", "too many", "an empty ticket", "no chain"}
	for name, make := range map[string]func(path string) error{
		"readable":  func(p string) error { return writeReadable(p, content) },
		"writable":  func(p string) error { os.WriteFile(p, content, 0o600); return os.Chmod(p, 0o620) },
		"directory": func(p string) error { return os.Mkdir(p, 0o700) },
		"link": func(p string) error {
			os.WriteFile(p+".real", content, 0o600)
			return os.Symlink(p+".real", p)
		},
		"truncated":       func(p string) error { return os.WriteFile(p, content[:len(content)/2], 0o600) },
		"empty":           func(p string) error { return os.WriteFile(p, nil, 0o600) },
		"trailing":        func(p string) error { return os.WriteFile(p, append(bytes.Clone(content), "x"...), 0o600) },
		"twice":           func(p string) error { return os.WriteFile(p, append(bytes.Clone(content), content...), 0o600) },
		"huge":            func(p string) error { return os.WriteFile(p, bytes.Repeat(content, 1000), 0o600) },
		"too many":        func(p string) error { return os.WriteFile(p, many.Encode(key("a")), 0o600) },
		"no ticket":       func(p string) error { return os.WriteFile(p, noTicket.Encode(key("a")), 0o600) },
		"an empty ticket": func(p string) error { return os.WriteFile(p, emptyTicket.Encode(key("a")), 0o600) },
		"no chain":        func(p string) error { return os.WriteFile(p, noChain.Encode(key("a")), 0o600) },
		"FIFO":            func(p string) error { return unix.Mkfifo(p, 0o600) },
		"another's": func(p string) error {
			if os.Geteuid() != 0 {
				return os.Mkdir(p, 0o700) // only root can make a file another user's
			}
			os.WriteFile(p, content, 0o600)
			return os.Chown(p, 1, -1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s")
			if err := make(path); err != nil {
				t.Fatal(err)
			}
			if s, err := Take(At(path), key("a")); err == nil {
				t.Errorf("taken: %q", s.Tickets)
			}
			if _, err := os.Lstat(path); err == nil == slices.Contains(damaged, name) {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// Node.js gives two tickets with a session, and none where one is used: the
// second was thrown away, and every other connection was full.
func TestSeveralTickets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	put := func(s *Session) {
		t.Helper()
		if err := Put(At(path), key("a"), s); err != nil {
			t.Fatal(err)
		}
	}
	take := func(want string) {
		t.Helper()
		s, err := Take(At(path), key("a"))
		if want == "" {
			if err == nil {
				t.Errorf("there is %q", s.Tickets)
			}
			return
		}
		if err != nil || len(s.Tickets) != 1 || string(s.Tickets[0]) != want {
			t.Errorf("got %v, %v, want %s", s, err, want)
		}
	}
	two := session("1")
	two.Tickets = append(two.Tickets, []byte("2"))
	put(two)
	take("2")
	take("1")
	take("")
	put(two)
	take("2")
	put(session("3")) // given with the use of 2
	for _, n := range []string{"4", "5", "6"} {
		put(session(n))
	}
	for _, n := range []string{"6", "5", "4", "3", ""} {
		take(n)
	}
	put(two)
	other := session("7")
	other.Certificates = other.Certificates[:1]
	put(other) // another certificate: those of before go
	take("7")
	take("")
	// Under TLS 1.2 a ticket is good until there is another.
	again := session("8")
	again.Again = true
	put(again)
	take("8")
	take("8")
	again.Tickets = [][]byte{[]byte("9")}
	put(again)
	take("9")
	content, err := os.ReadFile(path)
	if err != nil || bytes.Count(content, []byte("BEGIN "+blockTicket)) != 1 {
		t.Errorf("there is more than the last: %s, %v", content, err)
	}
	again.Tickets = append(again.Tickets, []byte("10")) // by another hand
	if err := os.WriteFile(path, again.Encode(key("a")), 0o600); err != nil {
		t.Fatal(err)
	}
	take("10")
	take("10")
	put(session("11"))
	take("11")
	take("")
}

// Neither is a link, nor what it leads to; see TestDeviceIsNotReplaced.
func TestWhatIsNoFileIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	fifo, link := filepath.Join(dir, "fifo"), filepath.Join(dir, "link")
	if err := errors.Join(unix.Mkfifo(fifo, 0o600), os.Symlink("elsewhere", link)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fifo, link, dir} {
		before, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := Put(At(path), key("a"), session("one")); err == nil {
			t.Errorf("%s was replaced", path)
		}
		if after, err := os.Lstat(path); err != nil || after.Mode() != before.Mode() {
			t.Errorf("%s is now %v, %v", path, after, err)
		}
	}
}

// A session that has brought a fatal alert goes with all its tickets (RFC 5246, section
// 7.2.2), and no other kind of connection's does.
func TestDropTakesAllTickets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	two := session("one")
	two.Tickets = append(two.Tickets, []byte("two"))
	if err := Put(At(path), key("a"), two); err != nil {
		t.Fatal(err)
	}
	if err := Drop(At(path), key("b")); err != errOtherKey {
		t.Errorf("with another key: %v", err)
	}
	if s, err := Take(At(path), key("a")); err != nil || string(s.Tickets[0]) != "two" {
		t.Fatalf("afterwards with the right key: %v, %v", s, err)
	}
	if err := Drop(At(path), key("a")); err != nil {
		t.Error(err)
	}
	if _, err := Take(At(path), key("a")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after that: %v", err)
	}
	if err := os.WriteFile(path, session("cut").Encode(key("a"))[:100], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Drop(At(path), key("a")); err != nil {
		t.Errorf("one that is damaged: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("one that is damaged is still there")
	}
}

// A file that is damaged, or of another kind of connection, makes room for a good one.
func TestWhatIsOfNoUseIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	for _, content := range [][]byte{session("cut").Encode(key("a"))[:100], session("one").Encode(key("b"))} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Put(At(path), key("a"), session("two")); err != nil {
			t.Fatal(err)
		}
		if s, err := Take(At(path), key("a")); err != nil || string(s.Tickets[0]) != "two" {
			t.Errorf("after %.10q: %v, %v", content, s, err)
		}
	}
}

// --session with the name of another file, as a key's, took that file away.
func TestWhatIsNoSessionStays(t *testing.T) {
	for _, mode := range []os.FileMode{0o600, 0o644} {
		path := filepath.Join(t.TempDir(), "key.pem")
		const content = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		for _, f := range []File{At(path), Opened(int(file.Fd()))} {
			if _, err := Take(f, key("a")); err == nil {
				t.Error("taken")
			}
			if err := Put(f, key("a"), session("two")); err == nil {
				t.Error("put")
			}
			if err := Drop(f, key("a")); err == nil {
				t.Error("dropped")
			}
			if now, err := os.ReadFile(path); string(now) != content {
				t.Fatalf("%v, %v: afterwards: %q, %v", mode, f, now, err)
			}
		}
	}
}

// A server's tickets may take more room than is read of a file: the newest stay, and
// what is written can be read.
func TestLargeTickets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	large := session("")
	large.Tickets = nil
	for n := range byte(MaxTickets) {
		large.Tickets = append(large.Tickets, bytes.Repeat([]byte{n}, 64<<10))
	}
	if err := Put(At(path), key("a"), large); err != nil {
		t.Fatal(err)
	}
	var left []byte
	for {
		s, err := Take(At(path), key("a"))
		if err != nil {
			break
		}
		left = append(left, s.Tickets[0][0])
	}
	if !bytes.Equal(left, []byte{3, 2}) {
		t.Errorf("left: %v", left)
	}
	// One alone that is too large is of no use, and no fault.
	large.Tickets = [][]byte{make([]byte, fileLimit)}
	if err := Put(At(path), key("a"), large); err != nil {
		t.Error(err)
	}
}

// Whoever holds the lock holds nobody up for long.
func TestLockIsNotWaitedForLong(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	if err := Put(At(path), key("a"), session("one")); err != nil {
		t.Fatal(err)
	}
	file := lockedBy(t, path)
	start := time.Now()
	if _, err := Take(At(path), key("a")); !errors.Is(err, unix.EWOULDBLOCK) {
		t.Errorf("locked: %v", err)
	}
	if took := time.Since(start); took < lockTime {
		t.Errorf("waited for %v only", took)
	}
	file.Close()
	if _, err := Take(At(path), key("a")); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// writeReadable writes a file that all can read, whatever the umask is.
func writeReadable(path string, content []byte) error {
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return err
	}
	return os.Chmod(path, 0o644)
}

// Who can open what has been locked holds up all others for as long as they wait. That
// was the directory, which other users may look into.
func TestOthersHoldNoLock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	lockedBy(t, filepath.Dir(path))
	start := time.Now()
	for range 3 {
		if err := Put(At(path), key("a"), session("one")); err != nil {
			t.Fatal(err)
		}
		if _, err := Take(At(path), key("a")); err != nil {
			t.Fatal(err)
		}
	}
	// Nor where others can read the file: nothing is taken from it.
	if err := writeReadable(path, session("open").Encode(key("a"))); err != nil {
		t.Fatal(err)
	}
	lockedBy(t, path)
	if s, err := Take(At(path), key("a")); err == nil || errors.Is(err, unix.EWOULDBLOCK) {
		t.Errorf("%v, %v", s, err)
	}
	if err := Put(At(path), key("a"), session("two")); err != nil {
		t.Error(err)
	}
	if s, err := Take(At(path), key("a")); err != nil || string(s.Tickets[0]) != "two" {
		t.Errorf("%v, %v", s, err)
	}
	if took := time.Since(start); took > lockTime {
		t.Errorf("it took %v", took)
	}
}

// A file in a home directory on NFS has a lock only for who may write it (flock(2)): with a
// descriptor to read it no session was ever taken, and none put where there was one.
func TestLockIsAsNFSWantsIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	if err := Put(At(path), key("a"), session("one")); err != nil {
		t.Fatal(err)
	}
	descriptor, unlock, err := At(path).lock()
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if flags, err := unix.FcntlInt(uintptr(descriptor), unix.F_GETFL, 0); err != nil || flags&unix.O_ACCMODE != unix.O_RDWR {
		t.Errorf("%#x, %v", flags, err)
	}
}

func lockedBy(t *testing.T, path string) *os.File {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	return file
}

// A file that may not be opened is no lock that somebody holds.
func TestLockIsRefused(t *testing.T) {
	tries := refusing(0)
	if _, err := Take(&tries, key("a")); !errors.Is(err, unix.EACCES) || tries != 1 {
		t.Errorf("after %d tries: %v", tries, err)
	}
}

// refusing is a file that is somebody else's.
type refusing int

func (r *refusing) lock() (descriptor int, unlock func(), err error) {
	*r++
	return 0, nil, &os.PathError{Op: "open", Path: "/somewhere", Err: unix.EACCES}
}
func (*refusing) read(int) ([]byte, error) { return nil, nil }
func (*refusing) replace([]byte) error     { return nil }
func (*refusing) remove() error            { return nil }

// Where no file can be made the reason is returned.
func TestNoFileCanBeMade(t *testing.T) {
	for _, dir := range []string{"/proc/self", filepath.Join(t.TempDir(), "missing")} {
		if err := Put(At(filepath.Join(dir, "s")), key("a"), session("one")); err == nil {
			t.Errorf("a session was put into %s", dir)
		}
	}
}

// inTurn does f again where the lock was not free within its limit, as it may
// not be on a busy machine with nineteen others at it.
func inTurn(f func() error) (err error) {
	for range 60 {
		if err = f(); !errors.Is(err, unix.EWOULDBLOCK) {
			break
		}
	}
	return err
}

func TestTwentyWritersAndReadersLeaveAWholeFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	var mu sync.Mutex
	taken := map[string]int{}
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			for n := range 20 {
				err := inTurn(func() error { return Put(At(path), key("a"), session(fmt.Sprintf("%d-%d", i, n))) })
				if err != nil {
					t.Error(err)
				}
				var s *Session
				err = inTurn(func() (err error) {
					s, err = Take(At(path), key("a"))
					return err
				})
				if errors.Is(err, fs.ErrNotExist) {
					continue
				}
				if err != nil {
					t.Error(err)
					continue
				}
				mu.Lock()
				taken[string(s.Tickets[0])]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	for ticket, times := range taken {
		if times > 1 {
			t.Errorf("session %s was taken %d times", ticket, times)
		}
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) > 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(session("one").Encode(key("a")))
	f.Add([]byte("-----BEGIN TLSIFY SESSION-----\nKey: 00\n\nAAAA\n-----END TLSIFY SESSION-----\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		s, err := Decode(content, key("a"))
		if err != nil {
			return
		}
		again, err := Decode(s.Encode(key("a")), key("a"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, again); diff != "" {
			t.Error(diff)
		}
	})
}
