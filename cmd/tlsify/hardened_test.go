package main

import (
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/listener"
	"tlsify/cmd/tlsify/internal/signing"
)

// likeAnyUser are arguments before those of a program that root starts: it may look
// at other processes no more than another user's may.
func likeAnyUser() []string {
	if os.Geteuid() != 0 {
		return []string{"env"}
	}
	return []string{"setpriv", "--bounding-set=-all"}
}

// canLook tells whether another process of the same user's can look into one.
func canLook(pid int) bool {
	args := append(likeAnyUser(), "head", "-c1", "/proc/"+strconv.Itoa(pid)+"/environ")
	return exec.Command(args[0], args[1:]...).Run() == nil
}

// isCalled tells whether a process runs the program of that name by now.
func isCalled(pid int, name string) bool {
	comm, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
	return string(comm) == name+"\n"
}

// A process has made itself undumpable before it gets to anything secret: while it
// waits for that no other can look into it.
func TestHardenedBeforeSecrets(t *testing.T) {
	user := likeAnyUser()
	if _, err := exec.LookPath(user[0]); err != nil {
		t.Skip("needs ", user[0])
	}
	other := exec.Command(user[0], append(user[1:], "sleep", "60")...)
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer other.Wait()
	defer other.Process.Kill()
	becomes(func() bool { return isCalled(other.Process.Pid, "sleep") }) // until then it may do more than another
	if !canLook(other.Process.Pid) {
		t.Skip("no process can look into another here")
	}
	pki := pkiFiles(t)
	for name, args := range map[string][]string{
		"options":      {"connect", "--options-fd", "9", "localhost:1"},
		"client's-key": {"connect", "--cert", pki + "/client.pem", "--key", "fd:9", "localhost:1"},
		"server's-key": {signing.ProcessWord, "5", "0", "true", "false", "-", pki + "/good.pem", "fd:9"},
		"listener's":   {listener.HeardWord, "0", "5", "2", "--cert", pki + "/good.pem", "--key", "signer:fd:9", "--", "true"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, door := newLaunch(t), doorOf(t)
			l.program, l.prefix = user[0], append(user[1:], "tlsify")
			l.quietly()
			l.give(5, door.its)
			secret := l.feed(9) // from which nothing comes
			tlsify := l.start(args...)
			if name == "listener's" {
				unix.Read(door.ours, make([]byte, 1)) // it asks
			}
			becomes(func() bool { return isCalled(tlsify.pid, "tlsify") })
			for deadline := time.Now().Add(5 * time.Second); canLook(tlsify.pid); time.Sleep(10 * time.Millisecond) {
				if name == "listener's" || time.Now().After(deadline) {
					t.Fatal("another process can look into it")
				}
			}
			select {
			case <-tlsify.ended:
				t.Fatalf("it has ended: %s", l.err.text())
			default:
			}
			unix.Close(door.ours)
			secret.Close()
			if status := tlsify.wait(); status >= 1000 {
				t.Errorf("status %d: %s", status, l.err.text())
			}
		})
	}
}
