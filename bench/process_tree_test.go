package bench

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// A process, what it has started and what has ended below it are one tree, and
// the program of each connection is left out of the memory.
func TestTree(t *testing.T) {
	command := exec.Command("/bin/sh", "-c", "i=0; (while [ $i -lt 100000 ]; do i=$((i+1)); done); sleep 100 & sleep 100")
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
		command.Wait()
	}()
	var all tree
	for range 1000 { // until the loop has ended and both sleep
		var err error
		if all, err = treeOf(command.Process.Pid, true, ""); err == nil && all.processes == 3 && all.cpu > 10*time.Millisecond {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if all.processes != 3 || all.threads != 3 || all.cpu < 10*time.Millisecond || all.share <= 0 {
		t.Errorf("%+v: there are three, and one that counted to 100,000 has ended", all)
	}
	own, err := treeOf(command.Process.Pid, true, "sleep")
	if err != nil || own.processes != 3 || own.share >= all.share {
		t.Errorf("%+v of %+v, %v", own, all, err)
	}
	if _, err := treeOf(1<<30, false, ""); err == nil {
		t.Error("a process that is not there")
	}
}

// A program's name may be made to look like the rest of the line.
func TestStatOfAnOddName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a) R 1 (b")
	program, err := exec.LookPath("sleep")
	if err == nil {
		err = os.Symlink(program, path)
	}
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(path, "100")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { command.Process.Kill(); command.Wait() }()
	s, err := readStat(strconv.Itoa(command.Process.Pid))
	if err != nil || s.parent != os.Getpid() || s.threads != 1 || s.name != "a) R 1 (b" {
		t.Errorf("%+v, %v", s, err)
	}
}
