package engine

import "encoding/binary"

// JoinTicket packs a session ticket and the library's state of that session
// into what KeepTicket is given: the ticket behind its length in two bytes, and
// the state. It is nil where the ticket is too long for that.
func JoinTicket(ticket, state []byte) []byte {
	if len(ticket) > 0xffff {
		return nil
	}
	packed := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(ticket)+len(state)), uint16(len(ticket)))
	return append(append(packed, ticket...), state...)
}

// SplitTicket takes apart what JoinTicket has packed.
func SplitTicket(packed []byte) (ticket, state []byte, ok bool) {
	if len(packed) < 2 {
		return nil, nil, false
	}
	n := 2 + int(binary.BigEndian.Uint16(packed))
	if len(packed) < n {
		return nil, nil, false
	}
	return packed[2:n], packed[n:], true
}
