package fingerprint

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"testing"
)

// helloRecord is a ClientHello of crypto/tls, in its record.
func helloRecord(t testing.TB, name string) []byte {
	t.Helper()
	c := &firstWrite{}
	tls.Client(c, &tls.Config{ServerName: name, InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}}).Handshake()
	if len(c.written) == 0 {
		t.Fatal("no ClientHello")
	}
	return c.written
}

func helloMessage(t testing.TB, name string) []byte { return helloRecord(t, name)[5:] }

// firstWrite keeps what is written first, and then fails.
type firstWrite struct {
	net.Conn
	written []byte
}

func (c *firstWrite) Write(p []byte) (int, error) {
	c.written = append([]byte(nil), p...)
	return 0, errors.New("enough")
}

// A packet is a TCP packet to be put into a capture.
type packet struct {
	from, to netip.AddrPort
	seq      uint32
	syn      bool
	data     []byte
}

var (
	clientV4 = netip.MustParseAddrPort("192.0.2.1:50000")
	serverV4 = netip.MustParseAddrPort("192.0.2.2:443")
	clientV6 = netip.MustParseAddrPort("[2001:db8::1]:50000")
	serverV6 = netip.MustParseAddrPort("[2001:db8::2]:443")
)

// split makes the packets of a stream, of at most size bytes each, from a
// sequence number on.
func split(from, to netip.AddrPort, seq uint32, stream []byte, size int) (packets []packet) {
	packets = append(packets, packet{from, to, seq - 1, true, nil})
	for len(stream) > 0 {
		n := min(size, len(stream))
		packets = append(packets, packet{from, to, seq, false, stream[:n]})
		seq, stream = seq+uint32(n), stream[n:]
	}
	return packets
}

// ip is the packet from the IP header on.
func (p packet) ip() []byte {
	tcp := binary.BigEndian.AppendUint16(nil, p.from.Port())
	tcp = binary.BigEndian.AppendUint16(tcp, p.to.Port())
	tcp = binary.BigEndian.AppendUint32(tcp, p.seq)
	flags := byte(0x10)
	if p.syn {
		flags = 2
	}
	// Four bytes of options, to be skipped.
	tcp = append(tcp, 0, 0, 0, 0, 6<<4, flags, 255, 255, 0, 0, 0, 0, 1, 1, 1, 1)
	tcp = append(tcp, p.data...)
	from, to := p.from.Addr().AsSlice(), p.to.Addr().AsSlice()
	if p.from.Addr().Is4() {
		ip := binary.BigEndian.AppendUint16([]byte{0x45, 0}, uint16(20+len(tcp)))
		ip = append(ip, 0, 0, 0x40, 0, 64, 6, 0, 0)
		return append(append(append(ip, from...), to...), tcp...)
	}
	// With a hop-by-hop header, to be skipped.
	ip := binary.BigEndian.AppendUint16([]byte{0x60, 0, 0, 0}, uint16(8+len(tcp)))
	ip = append(append(append(ip, 0, 64), from...), to...)
	return append(append(ip, 6, 0, 1, 4, 0, 0, 0, 0), tcp...)
}

// frame puts a link layer's header before it.
func (p packet) frame(link uint32) []byte {
	protocol := []byte{8, 0}
	if p.from.Addr().Is6() {
		protocol = []byte{0x86, 0xdd}
	}
	var header []byte
	switch link {
	case linkEthernet:
		header = append(make([]byte, 12), protocol...)
	case linkCooked:
		header = append(make([]byte, 14), protocol...)
	case linkCooked2:
		header = append(protocol, make([]byte, 18)...)
	case linkNull:
		header = []byte{2, 0, 0, 0}
	case linkLoop:
		header = []byte{0, 0, 0, 2}
	}
	return append(header, p.ip()...)
}

// pcap is a capture file of the older format.
func pcap(order binary.AppendByteOrder, magic, link uint32, packets ...packet) []byte {
	out := order.AppendUint32(nil, magic)
	out = append(out, make([]byte, 16)...)
	out = order.AppendUint32(out, link)
	for _, p := range packets {
		frame := p.frame(link)
		out = append(out, make([]byte, 8)...)
		out = order.AppendUint32(out, uint32(len(frame)))
		out = order.AppendUint32(out, uint32(len(frame)))
		out = append(out, frame...)
	}
	return out
}

// block is one of pcapng's.
func block(order binary.AppendByteOrder, kind uint32, body []byte) []byte {
	for len(body)%4 != 0 {
		body = append(body, 0)
	}
	out := order.AppendUint32(order.AppendUint32(nil, kind), uint32(12+len(body)))
	return order.AppendUint32(append(out, body...), uint32(12+len(body)))
}

// pcapng has the packets on its second interface, of that link type, in packet
// blocks of one kind. A simple packet is always of the first.
func pcapng(order binary.AppendByteOrder, link, kind uint32, packets ...packet) []byte {
	head := order.AppendUint32(nil, magicByteOrder)
	out := block(order, blockSection, append(head, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255))
	interfaceOf := func(link uint32) []byte {
		return block(order, blockInterface, append(order.AppendUint16(nil, uint16(link)), make([]byte, 6)...))
	}
	out = append(out, block(order, 0xbad, []byte("unknown"))...)
	if kind != blockSimple {
		out = append(out, interfaceOf(0xffff)...)
	}
	out = append(out, interfaceOf(link)...)
	for _, p := range packets {
		frame := p.frame(link)
		var body []byte
		switch kind {
		case blockSimple:
			body = order.AppendUint32(nil, uint32(len(frame)))
		case blockPacket:
			body = append(order.AppendUint32(nil, 1), make([]byte, 8)...)
		case blockOldPacket:
			body = append(order.AppendUint16(nil, 1), make([]byte, 10)...)
		}
		if kind != blockSimple {
			body = order.AppendUint32(order.AppendUint32(body, uint32(len(frame))), uint32(len(frame)))
		}
		out = append(out, block(order, kind, append(body, frame...))...)
	}
	return out
}
