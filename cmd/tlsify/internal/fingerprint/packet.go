package fingerprint

import (
	"encoding/binary"
	"net/netip"
)

// The link types of www.tcpdump.org/linktypes.html that are read.
const (
	linkNull     = 0 // loopback of the BSDs, four bytes of family
	linkEthernet = 1
	linkRawBSD   = 12
	linkRawBSDi  = 14
	linkRaw      = 101
	linkLoop     = 108
	linkCooked   = 113 // Linux, "any"
	linkIPv4     = 228
	linkIPv6     = 229
	linkCooked2  = 276
)

// A segment is what a TCP packet carries.
type segment struct {
	flow flowKey
	seq  uint32 // of the first byte of data
	data []byte
}

// flowKey names one direction of a connection.
type flowKey struct{ from, to netip.AddrPort }

// segmentOf takes a frame apart; false for one that carries no TCP data.
func segmentOf(link uint32, frame []byte) (s segment, ok bool) {
	packet, ok := packetOfLink(link, frame)
	if !ok || len(packet) == 0 {
		return s, false
	}
	var from, to netip.Addr
	var tcp []byte
	switch packet[0] >> 4 {
	case 4:
		from, to, tcp = openIPv4(packet)
	case 6:
		from, to, tcp = openIPv6(packet)
	}
	return openTCP(from, to, tcp)
}

// packetOfLink removes the link layer's header.
func packetOfLink(link uint32, frame []byte) (packet []byte, ok bool) {
	const vlan, vlanService = 0x8100, 0x88a8
	var protocolAt, headerLen int
	switch link {
	case linkRaw, linkRawBSD, linkRawBSDi, linkIPv4, linkIPv6:
		return frame, true
	case linkNull, linkLoop:
		// The family's number differs between systems, and the packet says it
		// as well.
		return cutFront(frame, 4)
	case linkEthernet:
		protocolAt, headerLen = 12, 14
		for range 2 {
			if len(frame) < headerLen {
				return nil, false
			}
			if p := binary.BigEndian.Uint16(frame[protocolAt:]); p != vlan && p != vlanService {
				break
			}
			protocolAt, headerLen = protocolAt+4, headerLen+4
		}
	case linkCooked:
		protocolAt, headerLen = 14, 16
	case linkCooked2:
		protocolAt, headerLen = 0, 20
	default:
		return nil, false
	}
	if packet, ok = cutFront(frame, headerLen); !ok {
		return nil, false
	}
	protocol := binary.BigEndian.Uint16(frame[protocolAt:])
	return packet, protocol == 0x0800 || protocol == 0x86dd
}

func cutFront(b []byte, n int) ([]byte, bool) {
	if n < 0 || len(b) < n {
		return nil, false
	}
	return b[n:], true
}

const protocolTCP = 6

// openIPv4 is RFC 791. Fragments are passed over.
func openIPv4(p []byte) (from, to netip.Addr, payload []byte) {
	const headerLen, moreOrOffset = 20, 0x3fff
	if len(p) < headerLen || p[9] != protocolTCP || binary.BigEndian.Uint16(p[6:])&moreOrOffset != 0 {
		return
	}
	from, _ = netip.AddrFromSlice(p[12:16])
	to, _ = netip.AddrFromSlice(p[16:20])
	// No length at all is that of a segment which the network card was to cut.
	if total := int(binary.BigEndian.Uint16(p[2:])); total >= headerLen && total <= len(p) {
		p = p[:total]
	}
	payload, _ = cutFront(p, int(p[0]&0xf)*4)
	return
}

// openIPv6 is RFC 8200, with the extension headers that may stand before TCP.
func openIPv6(p []byte) (from, to netip.Addr, payload []byte) {
	const headerLen, hopByHop, routing, fragment, authentication, destination = 40, 0, 43, 44, 51, 60
	if len(p) < headerLen {
		return
	}
	from, _ = netip.AddrFromSlice(p[8:24])
	to, _ = netip.AddrFromSlice(p[24:40])
	next, length := p[6], int(binary.BigEndian.Uint16(p[4:]))
	if p = p[headerLen:]; length > 0 && length <= len(p) {
		p = p[:length]
	}
	for range 8 {
		if next == protocolTCP {
			return from, to, p
		}
		if len(p) < 8 {
			return
		}
		skip := 8 + int(p[1])*8
		switch next {
		case hopByHop, routing, destination:
		case authentication:
			skip = 8 + int(p[1])*4
		case fragment:
			if skip = 8; binary.BigEndian.Uint16(p[2:])&^6 != 0 {
				return
			}
		default:
			return
		}
		next = p[0]
		var ok bool
		if p, ok = cutFront(p, skip); !ok {
			return
		}
	}
	return
}

// openTCP is RFC 9293, section 3.1.
func openTCP(from, to netip.Addr, p []byte) (s segment, ok bool) {
	const headerLen, flagSYN = 20, 2
	if len(p) < headerLen {
		return s, false
	}
	s.flow = flowKey{
		netip.AddrPortFrom(from, binary.BigEndian.Uint16(p)),
		netip.AddrPortFrom(to, binary.BigEndian.Uint16(p[2:])),
	}
	if s.seq = binary.BigEndian.Uint32(p[4:]); p[13]&flagSYN != 0 {
		s.seq++ // with TCP Fast Open there is data behind it
	}
	offset := int(p[12]>>4) * 4
	if offset < headerLen {
		return s, false
	}
	s.data, ok = cutFront(p, offset)
	return s, ok && len(s.data) > 0
}
