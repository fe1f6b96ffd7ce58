package main

import (
	"fmt"
	"sync"
	"time"
)

// noticeTime is the least between two lines of a kind: whoever can make a
// listener refuse connections must not fill a log by it.
const noticeTime = 10 * time.Second

// notices are a listener's lines for people.
type notices struct {
	mu   sync.Mutex
	more map[string]int // by line, how often it was held back since it was said
}

func newNotices() *notices { return &notices{more: map[string]int{}} }

// say says a line at once, or, where the same was said a moment ago, in a while
// with the number of times.
func (n *notices) say(line string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, known := n.more[line]; known {
		n.more[line]++
		return
	}
	complain("tlsify: " + line)
	n.more[line] = 0
	time.AfterFunc(noticeTime, func() { n.catchUp(line) })
}

func (n *notices) catchUp(line string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	times := n.more[line]
	if times == 0 {
		delete(n.more, line)
		return
	}
	complain(fmt.Sprintf("tlsify: %s (%d times in %v)", line, times, noticeTime))
	n.more[line] = 0
	time.AfterFunc(noticeTime, func() { n.catchUp(line) })
}
