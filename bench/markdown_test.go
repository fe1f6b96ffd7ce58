package bench

import (
	"os"
	"path/filepath"
	"testing"
)

const blockBegin, blockEnd = "<!-- block -->\n", "<!-- /block -->\n"

// The block takes the place of an old one, and nothing else is touched; a file
// without a place for it is left as it was.
func TestReplaceBlock(t *testing.T) {
	for _, c := range []struct{ before, after string }{
		{"a\n" + blockBegin + "old\n" + blockEnd + "b\n", "a\n" + blockBegin + "new\n" + blockEnd + "b\n"},
		{blockBegin + blockEnd, blockBegin + "new\n" + blockEnd},
		{"a\n" + blockBegin + "old\n", ""},
		{"a\n" + blockEnd + blockBegin, ""},
		{"", ""},
	} {
		path := filepath.Join(t.TempDir(), "file.md")
		if err := os.WriteFile(path, []byte(c.before), 0o640); err != nil {
			t.Fatal(err)
		}
		os.Chmod(path, 0o640) // whatever the umask is
		err := ReplaceBlock(path, "block", "new\n")
		got, _ := os.ReadFile(path)
		want := c.after
		if want == "" {
			want = c.before
		}
		if (err == nil) != (c.after != "") || string(got) != want {
			t.Errorf("%q becomes %q: %v", c.before, got, err)
		}
		if info, _ := os.Stat(path); info.Mode().Perm() != 0o640 {
			t.Errorf("its mode is %v", info.Mode())
		}
	}
}
