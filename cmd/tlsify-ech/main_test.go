package main

import (
	"bytes"
	"encoding/base64"
	"os"
	"os/signal"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tlsify/engine/ech"
)

func try(t *testing.T, line string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := program.Run(strings.Fields(line), &out)
	return out.String(), err
}

// Keys of every kind are made, for nobody else to read, and what is published of
// them is what clients can use.
func TestWhole(t *testing.T) {
	t.Chdir(t.TempDir())
	var files []string
	for _, kem := range ech.KEMs() {
		files = append(files, kem+".pem")
		if _, err := try(t, "key --name public.test --max-name 40 --kem "+kem+" "+kem+".pem"); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(kem + ".pem"); err != nil || info.Mode() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
	}
	all := strings.Join(files, " ")
	shown, err := try(t, "show "+all)
	if err != nil || strings.Count(shown, "\n") != len(files) || !strings.Contains(shown, "public.test id ") || !strings.Contains(shown, " kem mlkem768-x25519 suites 1/1,2/2,3/2,1/3 max-name 40\n") {
		t.Errorf("%s, %v", shown, err)
	}
	out, err := try(t, "list "+all)
	if err != nil {
		t.Fatal(err)
	}
	list, err := base64.StdEncoding.DecodeString(strings.TrimSpace(out))
	if err != nil {
		t.Fatal(err)
	}
	if configs, err := ech.ParseList(list); err != nil || len(configs) != len(files) {
		t.Errorf("%d configurations, %v", len(configs), err)
	}
	if help, err := try(t, "--help"); err != nil || !strings.Contains(help, "tlsify-ech key --name NAME FILE") {
		t.Errorf("%s, %v", help, err)
	}
}

// Nothing is written over, or made of what is no name; and nothing is read that is
// no configuration.
func TestRefusals(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, content := range map[string]string{
		"there": "", "none": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
		"bad": "-----BEGIN ECHCONFIG-----\nAAAA\n-----END ECHCONFIG-----\n", "cut": "-----BEGIN ECHCONFIG-----\nAAAA\n",
	} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range []string{
		"key --name public.test there", "key --name public.test", "key file", "key --name public.test a b", "key --name no_name file",
		"key --name public.test --kem rsa file", "key --name public.test --max-name 256 file", "list", "list missing", "list none", "list bad",
		"list cut", "show bad", "make file", "--wrong",
	} {
		if out, err := try(t, line); err == nil {
			t.Errorf("%s: %s", line, out)
		}
	}
	if _, err := os.Stat("file"); err == nil {
		t.Error("a file was made")
	}
}

// What has no room leaves no part of a key, which would be in the way of the next.
func TestNoRoom(t *testing.T) {
	t.Chdir(t.TempDir())
	const line = "key --name public.test file"
	_, err := noRoom(t, func() (string, error) { return try(t, line) })
	if _, there := os.Stat("file"); err == nil || there == nil {
		t.Errorf("%v, and there is a file: %v", err, there == nil)
	}
	if _, err := try(t, line); err != nil {
		t.Error(err)
	}
}

// noRoom does something while no file can be longer than ten bytes.
func noRoom(t *testing.T, do func() (string, error)) (string, error) {
	t.Helper()
	var usual unix.Rlimit
	signal.Ignore(unix.SIGXFSZ)
	defer signal.Reset(unix.SIGXFSZ)
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &usual); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_FSIZE, &usual)
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 10, Max: usual.Max}); err != nil {
		t.Fatal(err)
	}
	return do()
}
