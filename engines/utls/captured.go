package utls

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	tls "github.com/refraction-networking/utls"
	"golang.org/x/crypto/cryptobyte"
)

// helloLimit is the longest ClientHello that is replayed: what fits one record.
const helloLimit = 1 << 14

const (
	extSignatureAlgorithms = 13
	extPreSharedKey        = 41
	extKeyShare            = 51
)

// promises are the extensions by which a client promises something that the
// engine cannot do, whatever the server answers.
var promises = map[uint16]string{
	1:      "shorter records (max_fragment_length)",
	42:     "early data",
	44:     "the answer to a HelloRetryRequest (cookie)",
	57:     "QUIC",
	0xffa5: "QUIC", // of the drafts
}

// replay makes the profile of a captured ClientHello: a handshake message with
// its header. Everything in it may be hostile.
func (p *profile) replay(message []byte) error {
	if err := p.checkCaptured(message); err != nil {
		return fmt.Errorf("this ClientHello: %w", err)
	}
	record := binary.BigEndian.AppendUint16([]byte{22, 3, 1}, uint16(len(message)))
	reader := tls.Fingerprinter{AllowBluntMimicry: true}
	spec, err := reader.RawClientHello(append(record, message...))
	if err != nil {
		return fmt.Errorf("this ClientHello: %w", err)
	}
	p.spec, p.manner = spec, mannerOf(spec)
	return nil
}

// checkCaptured reads the frame of a ClientHello (RFC 8446, section 4.1.2) and
// refuses what the library would stumble over. It notes what the library does
// not.
func (p *profile) checkCaptured(message []byte) error {
	malformed := errors.New("it is malformed")
	if len(message) > helloLimit {
		return fmt.Errorf("it has more than %d bytes", helloLimit)
	}
	in := cryptobyte.String(message)
	var kind uint8
	var body, id, suites, compression, extensions cryptobyte.String
	if !in.ReadUint8(&kind) || kind != 1 || !in.ReadUint24LengthPrefixed(&body) || !in.Empty() {
		return errors.New("it is no ClientHello message")
	}
	if !body.Skip(2+32) || !body.ReadUint8LengthPrefixed(&id) || len(id) > 32 ||
		!body.ReadUint16LengthPrefixed(&suites) || len(suites) == 0 || len(suites)%2 != 0 ||
		!body.ReadUint8LengthPrefixed(&compression) || len(compression) == 0 {
		return malformed
	}
	if p.noSessionID = len(id) == 0; body.Empty() {
		return nil
	}
	if !body.ReadUint16LengthPrefixed(&extensions) || !body.Empty() {
		return malformed
	}
	return p.checkExtensions(extensions)
}

func (p *profile) checkExtensions(list cryptobyte.String) error {
	seen := map[uint16]bool{}
	grease := 0
	for !list.Empty() {
		var id uint16
		var body cryptobyte.String
		if !list.ReadUint16(&id) || !list.ReadUint16LengthPrefixed(&body) {
			return errors.New("it is malformed")
		}
		switch {
		case isGREASE(id):
			grease++
		case seen[id]:
			return fmt.Errorf("it has extension %d twice", id)
		case promises[id] != "":
			return errors.New("it promises " + promises[id])
		case id == extPreSharedKey && !list.Empty():
			return errors.New("pre_shared_key is not its last extension")
		case id == extKeyShare:
			p.oneX25519 = hasOneX25519(body)
		}
		seen[id] = true
	}
	if grease > 2 {
		return fmt.Errorf("it has %d GREASE extensions", grease)
	}
	return nil
}

// hasOneX25519 tells whether the shares for X25519MLKEM768 and for x25519 have
// the same key, which is the last of the former.
func hasOneX25519(body cryptobyte.String) bool {
	var shares, share cryptobyte.String
	var group uint16
	keys := map[tls.CurveID][]byte{}
	for body.ReadUint16LengthPrefixed(&shares); shares.ReadUint16(&group) && shares.ReadUint16LengthPrefixed(&share); {
		keys[tls.CurveID(group)] = share
	}
	plain := keys[tls.X25519]
	return plain != nil && bytes.HasSuffix(keys[tls.X25519MLKEM768], plain)
}
