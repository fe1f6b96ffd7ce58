package process

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
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
