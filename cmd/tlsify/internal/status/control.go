package status

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"tlsify/stream"
)

const (
	// queueLimit is how much may wait for the reader.
	queueLimit = 1 << 20
	// pipeAtom is what a pipe that poll(2) calls writable takes without
	// blocking: POSIX's PIPE_BUF, on Linux.
	pipeAtom = 4096
	// lineLimit is the longest command that is understood.
	lineLimit = 4096
)

// Channel is a control channel. The nil Channel says nothing and hears
// nothing. Its methods may be called by several goroutines, but ReadLine by
// one at a time.
type Channel struct {
	out, in *stream.FD
	only    []string // the keywords that its reader looks at; nil: all

	mu       sync.Mutex
	drained  sync.Cond // signalled when queue becomes empty or the reader has gone
	queue    []byte
	newest   string // the last line that found the queue full; those before it are
	lost     int    // dropped, so many of them
	draining bool   // a goroutine waits for the reader and empties queue
	gone     bool   // the reader has closed it
	handed   parcel // a descriptor that goes with a byte of queue's

	// These belong to the one who is in ReadLine.
	unread   []byte // the beginning of the next line
	overlong bool   // more of that line has been thrown away
}

// NewChannel makes a channel that writes to out and reads from in, which may be nil.
func NewChannel(out, in *stream.FD) *Channel {
	c := &Channel{out: out, in: in}
	c.drained.L = &c.mu
	return c
}

// ForListener has nothing said but what a listener looks at: each line would wake it.
func (c *Channel) ForListener() {
	if c != nil {
		c.only = []string{"ready", "error", "end"}
	}
}

// Say writes one line: a keyword and values, of which each becomes one token.
// It does not wait: what the reader does not take is queued.
func (c *Channel) Say(keyword string, values ...string) {
	if c.Takes(keyword) {
		c.say(line(keyword, values))
	}
}

// Takes tells whether lines of a keyword are written: where they are not, what they
// would say need not be found out.
func (c *Channel) Takes(keyword string) bool {
	return c != nil && (c.only == nil || slices.Contains(c.only, keyword))
}

func line(keyword string, values []string) string {
	for _, v := range values {
		keyword += " " + Token(v)
	}
	return keyword
}

// SayText is Say with a text for people at the end of the line, in which
// spaces stay as they are.
func (c *Channel) SayText(keyword, value, text string) {
	if c.Takes(keyword) {
		c.say(keyword + " " + Token(value) + " " + Text(text))
	}
}

// say writes a line of a keyword that is taken.
func (c *Channel) say(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(line)
}

// add puts a line into the queue. It is called with mu held.
func (c *Channel) add(line string) {
	if c.gone {
		return
	}
	if c.newest != "" {
		c.lost++
	}
	// A queue that is empty takes any line: nobody drains it, who would go on with another.
	if c.newest != "" || len(c.queue) > 0 && len(c.queue)+len(line) >= queueLimit {
		c.newest = line
		return
	}
	c.queue = append(append(c.queue, line...), '\n')
	if c.draining {
		return
	}
	if c.write(time.Unix(1, 0)); len(c.queue) > 0 {
		c.draining = true
		go c.drain()
	}
}

// drain waits for the reader until the queue is empty.
func (c *Channel) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.queue) > 0 {
		c.write(time.Time{})
	}
	c.draining = false
	c.drained.Broadcast()
}

// write writes the queue's first bytes by the deadline; with a deadline that
// has passed it writes all that needs no waiting. It is called with mu held
// and gives it up where it waits.
func (c *Channel) write(deadline time.Time) {
	c.out.SetWriteDeadline(deadline)
	for len(c.queue) > 0 {
		atom := c.queue[:c.handed.until(min(len(c.queue), pipeAtom))]
		due := c.handed.due()
		if deadline.IsZero() {
			c.mu.Unlock()
		}
		n, err := c.send(atom, due)
		if deadline.IsZero() {
			c.mu.Lock()
		}
		c.queue = c.queue[n:]
		c.handed.moved(n)
		c.catchUp()
		if isTimeout(err) {
			return
		}
		if err != nil { // the reader has closed it, which is its right
			c.gone = true
			c.queue = nil
			c.handed.close()
		}
	}
}

// catchUp tells of what was dropped, once there is room again, and goes on with
// the newest line: the last of all is never lost to a reader who comes back.
func (c *Channel) catchUp() {
	if c.newest == "" || len(c.queue) >= queueLimit/2 {
		return
	}
	if c.lost > 0 {
		c.queue = fmt.Appendf(c.queue, "lost %d\n", c.lost)
	}
	c.queue = append(append(c.queue, c.newest...), '\n')
	c.lost, c.newest = 0, ""
}

// Finish gives the reader, for at most limit, the chance to take what is
// queued.
func (c *Channel) Finish(limit time.Duration) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.draining {
		return // without a timer, for which the runtime wants descriptors
	}
	timer := time.AfterFunc(limit, func() {
		c.mu.Lock()
		c.gone = true
		c.mu.Unlock()
		c.drained.Broadcast()
	})
	defer timer.Stop()
	for c.draining && !c.gone {
		c.drained.Wait()
	}
}

// CanHear tells whether commands can come in.
func (c *Channel) CanHear() bool { return c != nil && c.in != nil }

// Uses tells whether it writes to descriptor n.
func (c *Channel) Uses(n int) bool { return c != nil && c.out.Number() == n }

// IsOn tells whether it writes to what descriptor n is, under whatever number.
func (c *Channel) IsOn(n int) bool { return c != nil && stream.SameFile(c.out.Number(), n) }

// IsStream tells whether it is a socket or a pipe, behind which a program is.
func (c *Channel) IsStream() bool { return c != nil && (c.out.IsSocket() || c.out.IsPipe()) }

// ReadLine waits until the deadline (zero: for ever) for the next command.
// With a deadline that has passed it takes what is there. A line that is too
// long comes back cut. The error is io.EOF, or os.ErrDeadlineExceeded.
func (c *Channel) ReadLine(deadline time.Time) (string, error) {
	c.in.SetReadDeadline(deadline)
	for {
		if line, rest, ok := strings.Cut(string(c.unread), "\n"); ok {
			c.unread = []byte(rest)
			if c.overlong {
				c.overlong = false
				line = "..."
			}
			return strings.TrimSuffix(line, "\r"), nil
		}
		if len(c.unread) > lineLimit {
			c.overlong = true
			c.unread = c.unread[:0]
		}
		var buf [512]byte
		n, err := c.in.Read(buf[:])
		if err != nil {
			return "", err
		}
		c.unread = append(c.unread, buf[:n]...)
	}
}

// Pending tells, without waiting, whether anything has come in that was not
// read.
func (c *Channel) Pending() bool {
	if len(c.unread) > 0 {
		return true
	}
	c.in.SetReadDeadline(time.Unix(1, 0))
	var buf [512]byte
	n, err := c.in.Read(buf[:])
	c.unread = append(c.unread, buf[:n]...)
	return !isTimeout(err)
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// Token makes one token of s: a byte that would break it is %XX. The empty
// string is a lone %, which is no escape.
func Token(s string) string {
	if s == "" {
		return "%"
	}
	return escape(s, 0)
}

// Text makes one line for people of s: what is no printable text is %XX.
func Text(s string) string { return escape(s, ' ') }

// Unescape undoes Token and Text.
func Unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// escape writes the bytes of s that are not printable text as %XX, and spaces too
// unless they are spared.
func escape(s string, spare byte) string {
	var b strings.Builder
	kept := 0 // from here on nothing has had to be escaped yet
	for i := 0; i < len(s); {
		size, ok := nextPrintable(s[i:])
		next := i + size
		if !ok || s[i] == '%' || s[i] == ' ' && spare != ' ' {
			b.WriteString(s[kept:i])
			for ; i < next; i++ {
				fmt.Fprintf(&b, "%%%02X", s[i])
			}
			kept = next
		}
		i = next
	}
	if kept == 0 {
		return s
	}
	b.WriteString(s[kept:])
	return b.String()
}
