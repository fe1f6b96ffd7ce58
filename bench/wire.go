package bench

import (
	"fmt"
	"strings"
)

// What the callers and the server say to each other, through the helper. The
// server begins, as soon as the handshake is done, with a greeting line that
// tells what was negotiated. Then the caller gives orders, a line each:
//
//	up N         the caller sends N bytes, the server says done
//	down N SIZE  the server sends N bytes, SIZE at a time, and done
//	both N       the two at once
//	echo N SIZE  N times, the caller sends SIZE bytes and the server returns them
//	quit         the server ends the connection
//
// A server that waits for the client to speak first is sent an empty line.
//
// Done is one byte that occurs nowhere in the payload, so that a helper which
// adds or loses bytes is found out.
const (
	greetingPrefix = "tlsify-bench "
	resumedMark    = " resumed" // ends the greeting on a resumed session
	done           = '!'
	filler         = '.'
	// burst is how much the caller and the server write at a time.
	burst = 256 << 10
)

// wire is what a handshake took, up to the end of the server's part of it: bytes
// with records' headers, and TCP's segments that had data in them. Of the latter
// a server knows what it has sent, what it has sent again, and what has arrived.
type wire struct {
	Sent, Received, PacketsSent, PacketsReceived, Resent int64 // by the client
}

// String begins what the greeting says.
func (w wire) String() string {
	return fmt.Sprintf("%d/%d/%d/%d/%d ", w.Sent, w.Received, w.PacketsSent, w.PacketsReceived, w.Resent)
}

// cutWire takes that from what a greeting says.
func cutWire(said string) (w wire, negotiated string) {
	counts, rest, _ := strings.Cut(said, " ")
	n, err := fmt.Sscanf(counts, "%d/%d/%d/%d/%d", &w.Sent, &w.Received, &w.PacketsSent, &w.PacketsReceived, &w.Resent)
	if n != 5 || err != nil {
		return wire{}, said
	}
	return w, rest
}

// order is one order to the server.
type order struct {
	verb  string
	size  int // of down and echo
	count int64
}

func (o order) String() string {
	switch o.verb {
	case "quit":
		return "quit\n"
	case "down", "echo":
		return fmt.Sprintf("%s %d %d\n", o.verb, o.count, o.size)
	}
	return fmt.Sprintf("%s %d\n", o.verb, o.count)
}

func parseOrder(line string) (order, error) {
	o := order{}
	var err error
	verb, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
	switch o.verb = verb; verb {
	case "quit":
	case "down", "echo":
		_, err = fmt.Sscanf(rest, "%d %d", &o.count, &o.size)
	case "up", "both":
		_, err = fmt.Sscanf(rest, "%d", &o.count)
	default:
		err = fmt.Errorf("unknown order %.40q", line)
	}
	least := 0
	if verb == "down" {
		least = 1
	}
	if err == nil && (o.count < 0 || o.size < least || o.size > burst) {
		err = fmt.Errorf("order %.40q is out of range", line)
	}
	return o, err
}

// payload is one burst of filler.
func payload() []byte {
	p := make([]byte, burst)
	for i := range p {
		p[i] = filler
	}
	return p
}
