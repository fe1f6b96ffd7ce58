package program

import (
	"context"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/process"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/stream"
)

// ends are both ends of a door.
func ends(t *testing.T) (listeners *os.File, accepts *stream.FD) {
	pair, err := process.SocketPair()
	if err != nil {
		t.Fatal(err)
	}
	listeners = os.NewFile(uintptr(pair[0]), "door")
	accepts, err = stream.NewFD(pair[1])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listeners.Close(); accepts.Close() })
	return listeners, accepts
}

// starting has PROG started, and reaped.
func starting(t *testing.T, plan *Plan, started *int) func(*syscall.ProcAttr) (int, error) {
	return func(attr *syscall.ProcAttr) (int, error) {
		path, err := process.Find(plan.Args[0])
		if err != nil {
			return -1, unix.ENOENT
		}
		*started++
		handle, err := process.Start(path, plan.Args, attr)
		if err == nil {
			n, _ := unix.Dup(handle)
			t.Cleanup(func() {
				unix.Waitid(unix.P_PIDFD, n, nil, unix.WEXITED, nil)
				unix.Close(n)
			})
		}
		return handle, err
	}
}

// Who asks a listener for PROG gets it, with the listener's environment and what it
// says of the connection, and hears of its end.
func TestAnswer(t *testing.T) {
	if !process.Handles() {
		t.Skip("there are no descriptors of processes")
	}
	listeners, accepts := ends(t)
	plan := &Plan{Args: []string{"sh", "-c", "read line; echo $line $ONE $TWO; read how <&5; echo $how"}, In: 0, Out: 1, End: 5, OneSocket: true,
		Claims: &process.Claims{}, Env: []string{"ONE=1", "PATH=" + os.Getenv("PATH")}, Names: []string{"TWO"}}
	started := 0
	start := starting(t, plan, &started)
	done := make(chan bool)
	go func() {
		plan.Answer(listeners, start)
		listeners.Close()
		close(done)
	}()
	p, err := Asked("sh", accepts)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start([]string{"TWO=2"}); err != nil {
		t.Fatal(err)
	}
	p.ToProg.Write([]byte("line\n"))
	p.TellEnd("closed peer")
	p.ToProg.SetReadDeadline(time.Now().Add(time.Minute))
	if got, err := io.ReadAll(p.FromProg); string(got) != "line 1 2\nclosed peer\n" {
		t.Errorf("%q, %v", got, err)
	}
	if status := p.Status(t.Context(), 0, time.Minute); status != 0 {
		t.Error("status", status)
	}
	if <-done; started != 1 {
		t.Error("started", started)
	}
}

// Who asks for more than values for known variables gets nothing, and no more is
// read than such values can be; and what cannot be started is told of.
func TestAnswerRefuses(t *testing.T) {
	for said, want := range map[string]int{
		"": -1, "BASH_ENV=x\x00\x00": int(unix.EINVAL), "TWO=2\x00": int(unix.EINVAL), strings.Repeat("x", 1<<20): int(unix.EINVAL),
		"TWO=2\x00\x00": int(unix.ENOENT),
	} {
		listeners, accepts := ends(t)
		plan := &Plan{Args: []string{"no-such-program"}, In: 0, Out: 1, OneSocket: true, Claims: &process.Claims{}, Names: []string{"TWO"}}
		started := 0
		done := make(chan bool)
		go func() {
			plan.Answer(listeners, starting(t, plan, &started))
			listeners.Close()
			close(done)
		}()
		io.WriteString(accepts, said) // of which the last may find nobody
		unix.Shutdown(accepts.Number(), unix.SHUT_WR)
		<-done
		word, fds, err := process.TakeAllGiven(accepts, mostReaches)
		if got := int(word); err != nil && want >= 0 || err == nil && got != want || len(fds) > 0 || started > 0 {
			t.Errorf("%.20q: %d, %v, %v; %d started", said, word, fds, err, started)
		}
	}
}

// Where the descriptors of a PROG that was started cannot be handed over, as where too many
// of the user's are under way, the accept was told nothing, and took it for the listener's end.
func TestAnswerCannotHandOver(t *testing.T) {
	listeners, accepts := ends(t)
	plan := &Plan{Args: []string{"true"}, In: 0, Out: 1, OneSocket: true, Claims: &process.Claims{}}
	const closed = 1 << 20 // which has the kernel refuse it
	done := make(chan bool)
	go func() {
		plan.Answer(listeners, func(*syscall.ProcAttr) (int, error) { return closed, nil })
		listeners.Close()
		close(done)
	}()
	p, err := Asked("true", accepts)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(nil); err == nil || !strings.Contains(err.Error(), "bad file descriptor") {
		t.Error(err)
	}
	<-done
}

// PROG that does not end gets the signal that has ended us, and then has until the
// limit.
func TestAskedGetsTheSignal(t *testing.T) {
	if !process.Handles() {
		t.Skip("there are no descriptors of processes")
	}
	for script, want := range map[string]int{"exec sleep 60": 0, "trap '' TERM; echo; exec sleep 60": 143} {
		listeners, accepts := ends(t)
		plan := &Plan{Args: []string{"sh", "-c", script}, In: 0, Out: 1, OneSocket: true, Claims: &process.Claims{}, Env: os.Environ()}
		started := 0
		start := starting(t, plan, &started)
		go func() {
			plan.Answer(listeners, start)
			listeners.Close()
		}()
		p, err := Asked("sh", accepts)
		if err == nil {
			err = p.Start(nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		if want != 0 {
			p.FromProg.Read(make([]byte, 1)) // it ignores the signal by now
		}
		time.AfterFunc(10*time.Millisecond, func() { cancel(&status.SignalError{Signal: syscall.SIGTERM}) })
		limit := time.Minute
		if want != 0 {
			limit = 100 * time.Millisecond
		}
		if got := p.Status(ctx, 0, limit); got != want {
			t.Errorf("%s: status %d, want %d", script, got, want)
		}
		p.Abandon()
	}
}

// A listener starts PROG itself where Handles says so, and then it has to work, as it
// has on every kernel since Linux 5.3. QEMU's emulation of other processors (7.2) opens
// descriptors of processes, and starts none with one.
func TestHandles(t *testing.T) {
	handle, err := process.Start("/bin/true", []string{"true"}, &syscall.ProcAttr{Env: os.Environ()})
	if got := process.Handles(); got != (err == nil) {
		t.Errorf("handles %v, and to start a process gives %v", got, err)
	}
	if err == nil {
		unix.Waitid(unix.P_PIDFD, handle, nil, unix.WEXITED, nil)
		unix.Close(handle)
	}
}

// Where there were no descriptors for all that PROG is reached by, descriptor 0 was
// closed, and then what came to have that number.
func TestShortageClosesNothingElse(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	zero, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		t.Skip("there is no descriptor 0")
	}
	r, w, err := os.Pipe() // the runtime has its own descriptors from here on
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	defer unix.Close(zero)
	defer unix.Dup2(zero, 0)
	defer unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
	plan := Plan{Args: []string{"true"}, In: 0, Out: 1, End: 3, OneSocket: true, Claims: &process.Claims{}}
	started := false
	for most := uint64(0); !started && most < 200; most++ {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: most, Max: limit.Max}); err != nil {
			t.Fatal(err)
		}
		plan.run(nil, func(*syscall.ProcAttr) (int, error) { started = true; return -1, unix.EAGAIN })
		if process.IsClosed(0) {
			t.Fatalf("with a limit of %d descriptor 0 is closed", most)
		}
	}
	if !started {
		t.Error("it is never started")
	}
}
