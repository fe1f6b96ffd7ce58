package source

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/status"
	"tlsify/stream"
)

// descriptor is the name of one from which content can be read once.
func descriptor(t *testing.T, content string) (name string, n int) {
	t.Helper()
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	go func() {
		io.WriteString(to, content)
		to.Close()
	}()
	if n, err = unix.Dup(int(from.Fd())); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("fd:%d", n), n
}

func file(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// wantUsage has an error be one of --option, with text in it.
func wantUsage(t *testing.T, err error, text string) {
	t.Helper()
	var failure *status.Failure
	if !errors.As(err, &failure) || failure.Status != status.Usage || !strings.Contains(err.Error(), text) {
		t.Errorf("got %v, want a usage error with %q", err, text)
	}
}

// Several options may name one descriptor, which gives its content once.
func TestDescriptorIsReadOnce(t *testing.T) {
	name, n := descriptor(t, "content")
	f := New()
	for range 2 {
		if content, err := f.Load("trust", name); err != nil || string(content) != "content" {
			t.Fatalf("%q, %v", content, err)
		}
	}
	if _, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0); err != unix.EBADF {
		t.Errorf("it is still open: %v", err)
	}
	// A listener reads again what its files have, and not what descriptors had.
	if content, err := Again(f.Contents()).Load("trust", name); err != nil || string(content) != "content" {
		t.Errorf("again: %q, %v", content, err)
	}
	_, err := New().Load("trust", name)
	wantUsage(t, err, "--trust: descriptor")
}

// A signing process reads what is passed to it, also where it has been read here.
func TestPass(t *testing.T) {
	f := New()
	name, n := descriptor(t, "key")
	if content, err := f.Load("cert", name); err != nil || string(content) != "key" {
		t.Fatal(err)
	}
	// The number is kept for it, as a caller of Contents keeps it.
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if err := stream.Replace(n, int(null.Fd())); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(n)
	if got, err := f.Pass("key", name); got != n || err != nil {
		t.Fatalf("%d, %v", got, err)
	}
	room := make([]byte, 9)
	if got, err := unix.Read(n, room); err != nil || string(room[:got]) != "key" {
		t.Errorf("%q, %v", room[:got], err)
	}
	for _, other := range []string{name, file(t, "key")} { // once, and no path
		if got, err := f.Pass("key", other); got != -1 || err != nil {
			t.Errorf("%s: %d, %v", other, got, err)
		}
	}
}

func TestFilesHaveALimit(t *testing.T) {
	for size, fails := range map[int]bool{fileLimit: false, fileLimit + 1: true} {
		large := filepath.Join(t.TempDir(), "large")
		if err := os.WriteFile(large, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(large, int64(size)); err != nil {
			t.Fatal(err)
		}
		n, err := unix.Open(large, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{large, fmt.Sprintf("fd:%d", n)} {
			content, err := New().Load("crl", name)
			if fails {
				wantUsage(t, err, "more than 16777216 bytes")
			} else if err != nil || len(content) != size {
				t.Errorf("%s: %d bytes, %v", name, len(content), err)
			}
		}
	}
	_, err := New().Load("crl", filepath.Join(t.TempDir(), "missing"))
	wantUsage(t, err, "missing")
}

// A key log is added to, and is nobody else's to read.
func TestOutput(t *testing.T) {
	t.Chdir(t.TempDir()) // where a file would be made that nobody asks for
	name := filepath.Join(t.TempDir(), "log")
	for _, line := range []string{"one\n", "two\n"} {
		out, err := New().Output("keylog", name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(out, line); err != nil {
			t.Fatal(err)
		}
	}
	content, err := os.ReadFile(name)
	if err != nil || string(content) != "one\ntwo\n" {
		t.Errorf("%q, %v", content, err)
	}
	if st, err := os.Stat(name); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	_, err = New().Output("keylog", filepath.Join(name, "below"))
	wantUsage(t, err, "--keylog")
	_, err = New().Output("keylog", fmt.Sprintf("fd:%d", 1<<20))
	if err == nil {
		t.Error("a descriptor that is not open")
	}
	full, err := New().Output("keylog", "/dev/full")
	if err != nil {
		t.Skip(err)
	}
	_, err = io.WriteString(full, "one\n")
	wantUsage(t, err, "no space left")
}

func TestTicketKeys(t *testing.T) {
	key := func(b byte) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32)) + "\n" }
	keys, err := New().TicketKeys(file(t, "# the newest\n"+key(1)+"\n  "+strings.TrimSpace(key(2))+"\r\n"))
	if err != nil || len(keys) != 2 || keys[0][31] != 1 || keys[1][0] != 2 {
		t.Errorf("%v, %v", keys, err)
	}
	if keys, err = New().TicketKeys(file(t, strings.Repeat(key(1), ticketKeyLimit))); err != nil || len(keys) != ticketKeyLimit {
		t.Errorf("%d, %v", len(keys), err)
	}
	short := base64.StdEncoding.EncodeToString(make([]byte, 31))
	for content, text := range map[string]string{
		"":                                       "has 0 keys",
		"# nothing\n":                            "has 0 keys",
		key(1) + short:                           "32 bytes",
		key(1) + "not base64":                    "32 bytes",
		key(1) + key(1)[:20]:                     "32 bytes",
		strings.TrimSpace(key(1)) + "AAAA":       "32 bytes",
		strings.Repeat(key(1), ticketKeyLimit+1): "has 17 keys",
	} {
		_, err := New().TicketKeys(file(t, content))
		wantUsage(t, err, text)
		if strings.Contains(err.Error(), short[:10]) || strings.Contains(err.Error(), key(1)[:10]) {
			t.Errorf("the error has the key: %v", err)
		}
	}
}

// What may be binary, base64 or PEM is each of them.
func TestDER(t *testing.T) {
	block := func(label string) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: []byte("\x00\x01\x02")}))
	}
	for content, want := range map[string]string{
		"\x00\x01\x02":                   "\x00\x01\x02",
		"AAEC\n":                         "\x00\x01\x02",
		"AA\nEC\n":                       "\x00\x01\x02",
		block("WANTED"):                  "\x00\x01\x02",
		block("OTHER") + block("WANTED"): "\x00\x01\x02",
		"":                               "",
	} {
		if got, err := DER([]byte(content), "WANTED"); err != nil || string(got) != want {
			t.Errorf("%q: %q, %v", content, got, err)
		}
	}
	for content, want := range map[string]string{
		block("OTHER"):                                      "there is no PEM WANTED in it",
		block("WANTED") + block("WANTED"):                   "more than one",
		block("WANTED")[:30]:                                "",
		"-----BEGIN WANTED-----\n!\n-----END WANTED-----\n": "",
	} {
		if got, err := DER([]byte(content), "WANTED"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %q, %v", content, got, err)
		}
	}
}
