// Package line makes slow lines: a relay that delays data, or the kernel's netem
// between two namespaces. The benchmark and the tables of ENGINES.md measure over
// them. It must not know TLS, or what is measured.
//
// Start reading at [Link].
package line

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// Link is a stretch of network that delays data and limits how much of it gets
// through. It is made by a relay between two TCP connections, which cannot model
// what TCP itself does on such a stretch, its handshake, slow start, and loss; or
// by the kernel, which can.
type Link struct {
	Delay time.Duration // one way
	Rate  int64         // bytes per second in each direction; 0: no limit
	Netem bool          // made by the kernel: netem.go
	// Loss is how many packets of a hundred do not get there, and Window TCP's
	// initial window in segments, 0 for the system's: by the kernel alone.
	Loss   float64
	Window int
}

func (l Link) String() string {
	text := fmt.Sprintf("%g ms of delay each way", l.Delay.Seconds()*1e3)
	if l.Rate > 0 {
		text += fmt.Sprintf(", %.3g Mbit/s", float64(l.Rate)*8/1e6)
	}
	if l.Loss > 0 {
		text += fmt.Sprintf(", %g%% of loss", l.Loss)
	}
	if l.Window > 0 {
		text += fmt.Sprintf(", an initial window of %d", l.Window)
	}
	if l.Netem {
		return text + ", made by netem"
	}
	return text + ", made by a relay: no loss, and nothing of TCP's slow start"
}

// Form gives the line as Parse reads it, without who makes it.
func (l Link) Form() string {
	words := []string{l.Delay.String()}
	if l.Rate > 0 {
		words = append(words, strconv.FormatFloat(float64(l.Rate)*8/1e3, 'f', -1, 64)+"kbit")
	}
	if l.Loss > 0 {
		words = append(words, strconv.FormatFloat(l.Loss, 'f', -1, 64)+"%")
	}
	if l.Window > 0 {
		words = append(words, fmt.Sprintf("iw=%d", l.Window))
	}
	return strings.Join(words, ",")
}

const (
	// linkChunk is how much crosses the link as one piece; as in a packet,
	// the first byte comes out no sooner than the last.
	linkChunk = 1400
	// linkQueue is how many chunks are on the link at most.
	linkQueue = 4096
)

// Relay connects every connection that listener accepts with the address to over
// the link, until ctx ends.
func (l Link) Relay(ctx context.Context, listener net.Listener, to string) error {
	stop := context.AfterFunc(ctx, func() { listener.Close() })
	defer stop()
	for {
		near, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		go func() {
			defer near.Close()
			far, err := net.Dial("tcp", to)
			if err != nil {
				return
			}
			defer far.Close()
			back := make(chan struct{})
			go func() {
				l.carry(far, near)
				close(back)
			}()
			l.carry(near, far)
			<-back
		}()
	}
}

// chunk is what is under way, and when it arrives.
type chunk struct {
	data []byte
	due  time.Time
}

// carry moves one direction, and its end.
func (l Link) carry(from, to net.Conn) {
	line := make(chan chunk, linkQueue)
	go func() {
		defer close(line)
		free := time.Now() // when the line has sent what is before
		for {
			data := make([]byte, linkChunk)
			n, err := from.Read(data)
			if now := time.Now(); free.Before(now) {
				free = now
			}
			if l.Rate > 0 {
				free = free.Add(time.Duration(int64(n) * int64(time.Second) / l.Rate))
			}
			line <- chunk{data[:n], free.Add(l.Delay)}
			if err != nil {
				return
			}
		}
	}()
	for c := range line {
		time.Sleep(time.Until(c.due))
		if _, err := to.Write(c.data); err != nil {
			from.Close()
			for range line {
			}
			return
		}
	}
	to.(*net.TCPConn).CloseWrite()
}
