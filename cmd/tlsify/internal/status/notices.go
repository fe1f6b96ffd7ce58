package status

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	// window is the time in which as many as atOnce lines of a kind are told
	// one by one, and the others together at its end.
	window = 10 * time.Second
	atOnce = 5
	// mostKinds bounds the kinds that are counted each by itself.
	mostKinds = 100
	// mostWaiting is how many lines may wait for a reader that stands still.
	// What is beyond is lost, and its number told when there is a reader again.
	mostWaiting = 64
)

// Log is where lines go.
type Log struct {
	now   func() time.Time
	after func(time.Duration, func())
	lines chan string
	done  chan struct{}

	mu    sync.Mutex
	kinds map[string]*kind
	lost  int
}

// kind is what has been told of a kind in its window.
type kind struct {
	told, held int
	who, text  string // of the last that was held
}

// NewLog makes a log. Write takes a line, without its end, and may wait for as long
// as it likes: nobody waits with it.
func NewLog(write func(line string)) *Log {
	return newLog(write, time.Now, func(d time.Duration, f func()) { time.AfterFunc(d, f) })
}

func newLog(write func(string), now func() time.Time, after func(time.Duration, func())) *Log {
	lines := make(chan string, mostWaiting)
	l := &Log{now: now, after: after, lines: lines, done: make(chan struct{}), kinds: map[string]*kind{}}
	go func() {
		defer close(l.done)
		for line := range lines {
			write(line)
		}
	}()
	return l
}

// Tell tells that something of a kind has happened, to whom. Both are for people,
// and the text need not be the same for all of a kind.
func (l *Log) Tell(of, who, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.kinds[of]
	if k == nil {
		if len(l.kinds) >= mostKinds {
			of = "" // what there are too many kinds of
			k = l.kinds[of]
		}
		if k == nil {
			k = &kind{}
			l.kinds[of] = k
			l.after(window, func() { l.catchUp(of) })
		}
	}
	if k.told >= atOnce {
		k.held++
		k.who, k.text = who, text
		return
	}
	k.told++
	l.add(who + ": " + text)
}

// catchUp tells, at the end of a window, of those that were held back, if any,
// and begins another.
func (l *Log) catchUp(of string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.kinds[of]
	if k.held == 0 {
		delete(l.kinds, of)
		return
	}
	l.addHeld(k)
	k.told, k.held = 1, 0
	l.after(window, func() { l.catchUp(of) })
}

// addHeld queues the line for those of a kind that were held back. It is called with
// mu held.
func (l *Log) addHeld(k *kind) {
	line := k.who + ": " + k.text
	switch others := k.held - 1; others {
	case 0:
	case 1:
		line += fmt.Sprintf(" (and another in %v)", window)
	default:
		line += fmt.Sprintf(" (and %d others in %v)", others, window)
	}
	l.add(line)
}

// add queues a line with the time. It is called with mu held.
func (l *Log) add(line string) {
	if l.lines == nil {
		return
	}
	stamp := l.now().UTC().Format(time.RFC3339)
	switch l.lost {
	case 0:
	case 1:
		line += " (a line before this was lost)"
	default:
		line += fmt.Sprintf(" (%d lines before this were lost)", l.lost)
	}
	select {
	case l.lines <- stamp + " " + line:
		l.lost = 0
	default:
		l.lost++
	}
}

// Close tells of those that are held back, and lets go of the log: the lines that
// wait have until the limit.
func (l *Log) Close(limit time.Duration) {
	l.mu.Lock()
	for _, of := range slices.Sorted(maps.Keys(l.kinds)) {
		if k := l.kinds[of]; k.held > 0 {
			l.addHeld(k)
			k.held = 0
		}
	}
	if l.lines != nil {
		close(l.lines)
		l.lines = nil
	}
	l.mu.Unlock()
	select {
	case <-l.done:
	case <-time.After(limit):
	}
}
