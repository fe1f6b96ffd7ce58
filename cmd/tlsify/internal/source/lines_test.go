package source

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/process"
)

// What stands behind the empty line is not read, of a pipe and of a file.
func TestLinesLeaveTheRest(t *testing.T) {
	content := "alpn h2\nname " + strings.Repeat("x", 5000) + "\n\nthe caller's\n"
	name := filepath.Join(t.TempDir(), "options")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(to, content)
	to.Close()
	for what, given := range map[string]*os.File{"file": file, "pipe": from} {
		n, err := unix.Dup(int(given.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		lines, err := Lines(&process.Claims{}, strconv.Itoa(n))
		if err != nil || !slices.Equal(lines, strings.Split(content, "\n")[:2]) {
			t.Errorf("%s: %.80q, %v", what, lines, err)
		}
		if rest, _ := io.ReadAll(given); string(rest) != "the caller's\n" {
			t.Errorf("%s: left is %q", what, rest)
		}
		given.Close()
	}
}
