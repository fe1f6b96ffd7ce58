package fingerprint

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// The magic numbers of the two formats: of pcap in either byte order, with
// microseconds or nanoseconds, and of pcapng's first block, which reads the
// same in both (draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng).
const (
	magicMicroseconds = 0xa1b2c3d4
	magicNanoseconds  = 0xa1b23c4d
	magicByteOrder    = 0x1a2b3c4d
	blockSection      = 0x0a0d0d0a
)

func isCaptureFile(content []byte) bool {
	if len(content) < 4 {
		return false
	}
	_, ok := pcapOrder(content)
	return ok || binary.BigEndian.Uint32(content) == blockSection
}

// pcapOrder tells the byte order of a pcap file.
func pcapOrder(content []byte) (binary.ByteOrder, bool) {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		if magic := order.Uint32(content); magic == magicMicroseconds || magic == magicNanoseconds {
			return order, true
		}
	}
	return nil, false
}

// fromPackets finds ClientHellos in the order in which they are complete, and no
// more than limit.
func fromPackets(content []byte, limit int) ([]Captured, error) {
	var flows flows
	var found []Captured
	take := func(link uint32, frame []byte) bool {
		if segment, ok := segmentOf(link, frame); ok {
			if hello := flows.add(segment); hello != nil {
				found = append(found, Captured{hello, segment.flow.from, segment.flow.to})
			}
		}
		return len(found) < limit
	}
	var err error
	if order, ok := pcapOrder(content); ok {
		err = eachPcap(content, order, take)
	} else {
		err = eachPcapng(content, take)
	}
	if err == nil && found == nil {
		err = flows.failure()
	}
	return found, err
}

var errNoPacket = errors.New("the capture file is cut off or damaged")

// eachPcap hands the packets of a pcap file to take, until that returns false.
func eachPcap(content []byte, order binary.ByteOrder, take func(link uint32, frame []byte) bool) error {
	const headerLen, packetHeaderLen, linkAt, lengthAt = 24, 16, 20, 8
	if len(content) < headerLen {
		return errNoPacket
	}
	// The upper bits say something of a frame check sequence.
	link := order.Uint32(content[linkAt:]) & 0x0fffffff
	for content = content[headerLen:]; len(content) > 0; {
		if len(content) < packetHeaderLen {
			return errNoPacket
		}
		length := uint64(order.Uint32(content[lengthAt:]))
		if content = content[packetHeaderLen:]; length > uint64(len(content)) {
			return errNoPacket
		}
		if !take(link, content[:length]) {
			return nil
		}
		content = content[length:]
	}
	return nil
}

// The blocks of pcapng that matter.
const (
	blockInterface = 1
	blockOldPacket = 2
	blockSimple    = 3
	blockPacket    = 6
)

// eachPcapng is the same for pcapng, in which the byte order and the interfaces
// are a section's.
func eachPcapng(content []byte, take func(link uint32, frame []byte) bool) error {
	const frameLen, sectionLen = 12, 28 // type and both lengths; all of the shortest section header
	var order binary.ByteOrder = binary.LittleEndian
	var links []uint32
	for len(content) > 0 {
		if len(content) < frameLen {
			return errNoPacket
		}
		if binary.BigEndian.Uint32(content) == blockSection {
			if len(content) < sectionLen {
				return errNoPacket
			}
			order, links = binary.LittleEndian, nil
			if !bytes.Equal(content[8:12], binary.LittleEndian.AppendUint32(nil, magicByteOrder)) {
				order = binary.BigEndian
			}
			if order.Uint32(content[8:]) != magicByteOrder {
				return errors.New("the pcapng file has a section without a byte order")
			}
		}
		kind, length := order.Uint32(content), uint64(order.Uint32(content[4:]))
		if length < frameLen || length%4 != 0 || length > uint64(len(content)) {
			return errNoPacket
		}
		body := content[8 : length-4]
		content = content[length:]
		if kind == blockInterface {
			if len(body) < 8 || len(links) >= 1024 {
				return errors.New("the pcapng file has a damaged interface, or too many")
			}
			links = append(links, uint32(order.Uint16(body)))
			continue
		}
		at, frame, err := packetOf(kind, body, order)
		if err != nil {
			return err
		}
		if frame == nil || at >= uint32(len(links)) {
			continue
		}
		if !take(links[at], frame) {
			return nil
		}
	}
	return nil
}

// packetOf gives a packet block's interface and frame; nil for another block.
func packetOf(kind uint32, body []byte, order binary.ByteOrder) (at uint32, frame []byte, err error) {
	const headerLen, lengthAt = 20, 12
	switch {
	case kind == blockSimple && len(body) >= 4:
		length := min(uint64(order.Uint32(body)), uint64(len(body)-4)) // snapped, or padded
		return 0, body[4 : 4+length], nil
	case (kind == blockPacket || kind == blockOldPacket) && len(body) >= headerLen:
		at = order.Uint32(body)
		if kind == blockOldPacket {
			at = uint32(order.Uint16(body))
		}
		length := uint64(order.Uint32(body[lengthAt:]))
		if length > uint64(len(body)-headerLen) {
			return 0, nil, fmt.Errorf("the pcapng file has a packet of %d bytes in a block of %d", length, len(body))
		}
		return at, body[headerLen : headerLen+length], nil
	}
	return 0, nil, nil
}
