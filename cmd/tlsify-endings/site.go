package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// site is a server under way.
type site struct {
	values  map[string]string
	address string
	stop    func()
	log     *os.File
}

// begin starts the process, with a group of its own, which ends as a whole.
func (t *site) begin(ctx context.Context, words, env []string) (err error) {
	program, err := lookPath(words[0])
	if err != nil {
		return err
	}
	if t.log, err = os.Create(filepath.Join(t.values["dir"], "said")); err != nil {
		return err
	}
	// Who gives up root's rights has to write there as well. What is there by now, which
	// root may read and run, stays ours.
	if err := os.Chmod(t.values["dir"], os.ModeSticky|0o777); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program, words[1:]...)
	cmd.Dir = t.values["dir"]
	cmd.Stdout, cmd.Stderr = t.log, t.log
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	t.stop = func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		cmd.Wait()
		t.log.Close()
	}
	return nil
}

// lookPath looks in the administrator's directories as well.
func lookPath(program string) (string, error) {
	path, err := exec.LookPath(program)
	if errors.Is(err, exec.ErrNotFound) {
		return exec.LookPath("/usr/sbin/" + program)
	}
	return path, err
}
