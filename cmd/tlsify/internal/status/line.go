package status

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// patience is how long a line may take that could be written a moment ago.
const patience = 200 * time.Millisecond

// Write writes one line to descriptor 2, whatever it may be. Where the reader
// stands still the line is lost: nobody waits. The descriptor is others', too,
// so that its flags stay as they are.
func Write(line string) {
	fds := []unix.PollFd{{Fd: 2, Events: unix.POLLOUT}}
	if n, err := unix.Poll(fds, 0); err != nil || n == 0 {
		return
	}
	// Another writer may have been quicker.
	done := make(chan bool, 1)
	go func() { WriteWaiting(line); done <- true }()
	select {
	case <-done:
	case <-time.After(patience):
	}
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
