package process

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/status"
)

// Where there were too few descriptors it was told that forms of ours go without /dev/null,
// which was there.
func TestMissing(t *testing.T) {
	for err, hint := range map[error]bool{unix.ENOENT: true, unix.EACCES: true, unix.EMFILE: false, unix.ENFILE: false} {
		if text := missing("/dev/null", err).Error(); !strings.Contains(text, err.Error()) || strings.Contains(text, "of all forms") != hint {
			t.Errorf("%v: %s", err, text)
		}
	}
}

// Of a script whose interpreter is not there execve says that the script is not, and so
// said we; and a directory was not found, which was there.
func TestFind(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"good": "#! /bin/sh -e\ntrue\n", "plain": "true\n", "bare": "#!", "empty": "",
		"lost": "#!/missing/sh\n", "dos": "#!/bin/sh\r\ntrue\r\n",
	} {
		if err := os.WriteFile(dir+"/"+name, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// What is written to it is not there to be read, and its reader waited for ever.
	if err := unix.Mkfifo(dir+"/fifo", 0o755); err != nil {
		t.Fatal(err)
	}
	fifo, err := os.OpenFile(dir+"/fifo", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer fifo.Close()
	for name, want := range map[string]struct {
		code int
		text string
	}{
		dir + "/good": {}, dir + "/plain": {}, dir + "/bare": {}, dir + "/empty": {}, dir + "/fifo": {},
		dir + "/lost":    {status.CannotRun, "its interpreter /missing/sh is not there"},
		dir + "/dos":     {status.CannotRun, "carriage return"},
		dir:              {status.CannotRun, ": is a directory"},
		dir + "/missing": {status.NotFound, "/missing: no such file or directory"},
		"no-such":        {status.NotFound, "it is not in PATH"},
		"no-such -x":     {status.NotFound, "a word each"},
		"":               {status.NotFound, "an empty word"},
	} {
		_, err := Find(name)
		failure, _ := errors.AsType[*status.Failure](err)
		switch {
		case want.code == 0 && err != nil:
			t.Errorf("%s: %v", name, err)
		case want.code != 0 && (failure == nil || failure.Status != want.code || !strings.Contains(failure.Text, want.text)):
			t.Errorf("%q: %+v, want %d: %s", name, failure, want.code, want.text)
		}
	}
}
