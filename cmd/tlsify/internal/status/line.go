package status

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// patience is how long a line may take that could be written a moment ago, and looks
// how often descriptor 2 is looked at: on a busy machine the writer may not have been
// running yet, and the reader is still there.
const (
	patience = 200 * time.Millisecond
	looks    = 10
)

// Write writes one line to descriptor 2, whatever it may be. Where the reader
// stands still the line is lost: nobody waits. The descriptor is others', too,
// so that its flags stay as they are.
func Write(line string) {
	writeWhile(isWritable, func() { WriteWaiting(line) })
}

// writeWhile has a line written, and waits for that while it can be.
func writeWhile(writable func() bool, write func()) {
	if !writable() {
		return
	}
	done := make(chan bool, 1)
	go func() { write(); done <- true }()
	for range looks {
		select {
		case <-done:
			return
		case <-time.After(patience):
		}
		if !writable() { // another writer was quicker, or the beginning of the line has filled it
			return
		}
	}
}

func isWritable() bool {
	fds := []unix.PollFd{{Fd: 2, Events: unix.POLLOUT}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0
}

// WriteWaiting is Write that waits for the reader.
func WriteWaiting(line string) { unix.Write(2, []byte(printable(line)+"\n")) }

// nextPrintable is how many bytes the first character of s has, and whether it is one of
// printable text. What is not UTF-8 is none, nor what turns the direction of a line
// around, by which a peer could have its name read as another.
func nextPrintable(s string) (size int, ok bool) {
	r, size := utf8.DecodeRuneInString(s)
	return size, (r != utf8.RuneError || size > 1) && unicode.IsPrint(r)
}

// printable makes one line for people of s: what is no printable text is \xXX.
// All that a person could copy stays as it is.
func printable(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		size, ok := nextPrintable(s[i:])
		if !ok {
			for _, c := range []byte(s[i : i+size]) {
				fmt.Fprintf(&b, "\\x%02X", c)
			}
		} else {
			b.WriteString(s[i : i+size])
		}
		i += size
	}
	return b.String()
}
