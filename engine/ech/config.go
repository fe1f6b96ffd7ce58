// Package ech has what Encrypted Client Hello (RFC 9849) needs outside of a
// handshake: the configurations that a server publishes and a client chooses
// from, and a server's private keys for them. The cryptography is crypto/hpke's.
//
// The package must know nothing of handshakes, certificates or files. Start
// reading at [Config], then [Choose] for a client and [Keys] for a server.
package ech

import (
	"crypto/hpke"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Version is the version of ECHConfig that we know (RFC 9849, section 4). It is
// also the code point of the extension.
const Version = 0xfe0d

// Config is an ECHConfig (RFC 9849, section 4).
type Config struct {
	Raw           []byte // all of it, version and length included
	ID            uint8
	KEM           uint16
	PublicKey     []byte
	Suites        []Suite
	MaxNameLength uint8
	PublicName    string
	// Mandatory says that it has an extension that must be understood; we know
	// of none.
	Mandatory bool
}

// Suite is a symmetric cipher suite of HPKE (RFC 9180, sections 7.2 and 7.3).
type Suite struct{ KDF, AEAD uint16 }

// HKDF-SHA256 with AES-128-GCM is what every implementation has.
var commonSuite = Suite{0x0001, 0x0001}

var errMalformed = errors.New("malformed ECHConfigList")

// reader takes fields off the front of what is left; once one is missing, bad
// stays true.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) bytes(n int) []byte {
	if n > len(r.rest) {
		r.bad, n = true, len(r.rest)
	}
	field := r.rest[:n:n]
	r.rest = r.rest[n:]
	return field
}

func (r *reader) uint8() uint8 {
	if b := r.bytes(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

func (r *reader) uint16() uint16 {
	if b := r.bytes(2); len(b) == 2 {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

// ParseList reads an ECHConfigList. Configurations of a version that we do not
// know are passed over, so that none may be left.
func ParseList(list []byte) ([]Config, error) {
	r := reader{rest: list}
	if n := int(r.uint16()); r.bad || n != len(r.rest) || n < 4 {
		return nil, errMalformed
	}
	var configs []Config
	for len(r.rest) > 0 {
		whole := r.rest
		version := r.uint16()
		body := r.bytes(int(r.uint16()))
		if r.bad {
			return nil, errMalformed
		}
		if version != Version {
			continue
		}
		c, err := parseContents(body)
		if err != nil {
			return nil, err
		}
		c.Raw = whole[: 4+len(body) : 4+len(body)]
		configs = append(configs, *c)
	}
	return configs, nil
}

// parseContents reads an ECHConfigContents.
func parseContents(body []byte) (*Config, error) {
	r := reader{rest: body}
	c := &Config{ID: r.uint8(), KEM: r.uint16()}
	c.PublicKey = r.bytes(int(r.uint16()))
	suites := reader{rest: r.bytes(int(r.uint16()))}
	for len(suites.rest) > 0 {
		c.Suites = append(c.Suites, Suite{suites.uint16(), suites.uint16()})
	}
	c.MaxNameLength = r.uint8()
	c.PublicName = string(r.bytes(int(r.uint8())))
	extensions := reader{rest: r.bytes(int(r.uint16()))}
	seen := map[uint16]bool{}
	for len(extensions.rest) > 0 {
		kind := extensions.uint16()
		extensions.bytes(int(extensions.uint16()))
		if seen[kind] {
			return nil, errors.New("an ECHConfig with an extension twice")
		}
		seen[kind] = true
		c.Mandatory = c.Mandatory || kind&0x8000 != 0
	}
	if r.bad || suites.bad || extensions.bad || len(r.rest) > 0 || len(c.PublicKey) == 0 || len(c.Suites) == 0 || c.PublicName == "" {
		return nil, errMalformed
	}
	return c, nil
}

// marshal writes the configuration, without extensions, into Raw.
func (c *Config) marshal() error {
	if !validPublicName(c.PublicName) {
		return fmt.Errorf("%q cannot be a public name: it is no DNS name", c.PublicName)
	}
	body := binary.BigEndian.AppendUint16([]byte{c.ID}, c.KEM)
	body = binary.BigEndian.AppendUint16(body, uint16(len(c.PublicKey)))
	body = append(body, c.PublicKey...)
	body = binary.BigEndian.AppendUint16(body, uint16(4*len(c.Suites)))
	for _, s := range c.Suites {
		body = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(body, s.KDF), s.AEAD)
	}
	body = append(body, c.MaxNameLength, byte(len(c.PublicName)))
	body = append(body, c.PublicName...)
	body = append(body, 0, 0)
	c.Raw = binary.BigEndian.AppendUint16(nil, Version)
	c.Raw = binary.BigEndian.AppendUint16(c.Raw, uint16(len(body)))
	c.Raw = append(c.Raw, body...)
	return nil
}

// List writes an ECHConfigList.
func List(configs []Config) ([]byte, error) {
	list := []byte{0, 0}
	for _, c := range configs {
		list = append(list, c.Raw...)
	}
	if len(list)-2 > 0xffff {
		return nil, errors.New("an ECHConfigList that is too long")
	}
	binary.BigEndian.PutUint16(list, uint16(len(list)-2))
	return list, nil
}

// Target is a configuration that a client has chosen.
type Target struct {
	Config
	Suite  Suite
	public hpke.PublicKey
	kdf    hpke.KDF
	aead   hpke.AEAD
}

// ErrUnusable is a list with no configuration that we can use.
var ErrUnusable = errors.New("an ECHConfigList with nothing in it that can be used")

// Choose picks the first configuration of a list that we can use, and of its
// suites the first (RFC 9849, sections 6.1 and 6.1.7).
func Choose(list []byte) (*Target, error) {
	configs, err := ParseList(list)
	if err != nil {
		return nil, err
	}
	for _, c := range configs {
		if target := c.target(); target != nil {
			return target, nil
		}
	}
	return nil, ErrUnusable
}

// Usable is the list with what Choose may pick alone, for Go's libraries, which are
// less choosy, but take no public name of one label. Where that is nothing it is
// ErrUnusable.
func Usable(list []byte) ([]byte, error) {
	configs, err := ParseList(list)
	if err != nil {
		return nil, err
	}
	configs = slices.DeleteFunc(configs, func(c Config) bool { return c.target() == nil || !strings.Contains(c.PublicName, ".") })
	if len(configs) == 0 {
		return nil, ErrUnusable
	}
	return List(configs)
}

// target is the configuration with the first suite that we can use, or nil. A key is
// tried out: a point of low order is none, and only encrypting to it shows that.
func (c Config) target() *Target {
	if c.Mandatory || !validPublicName(c.PublicName) {
		return nil
	}
	kem, err := hpke.NewKEM(c.KEM)
	if err != nil {
		return nil
	}
	public, err := kem.NewPublicKey(c.PublicKey)
	if err != nil {
		return nil
	}
	for _, s := range c.Suites {
		kdf, aead, err := s.functions()
		if err != nil {
			continue
		}
		t := &Target{c, s, public, kdf, aead}
		if _, _, err := t.Sender(); err != nil {
			return nil
		}
		return t
	}
	return nil
}

// exportOnly is the AEAD that encrypts nothing (RFC 9180, section 7.3).
const exportOnly = 0xffff

func (s Suite) functions() (hpke.KDF, hpke.AEAD, error) {
	if s.AEAD == exportOnly {
		return nil, nil, errors.New("an export-only AEAD")
	}
	kdf, err := hpke.NewKDF(s.KDF)
	if err != nil {
		return nil, nil, err
	}
	aead, err := hpke.NewAEAD(s.AEAD)
	return kdf, aead, err
}

// Sender sets encryption to the target up. Enc goes into the first message.
func (t *Target) Sender() (enc []byte, s *hpke.Sender, err error) {
	return hpke.NewSender(t.public, t.kdf, t.aead, t.info())
}

// info binds what is encrypted to the configuration (RFC 9849, section 6.1).
func (c *Config) info() []byte { return append([]byte("tls ech\x00"), c.Raw...) }

// validPublicName tells whether a name can be a server's: letters, digits and
// hyphens in labels, and no address as some read it (RFC 9849, section 6.1.7).
func validPublicName(name string) bool {
	labels := strings.Split(name, ".")
	if len(name) > 253 {
		return false
	}
	for _, label := range labels {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' || strings.Trim(label, letters+digits+"-") != "" {
			return false
		}
	}
	last := strings.ToLower(labels[len(labels)-1])
	hex, isHex := strings.CutPrefix(last, "0x")
	return strings.Trim(last, digits) != "" && !(isHex && strings.Trim(hex, digits+"abcdef") == "")
}

const (
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits  = "0123456789"
)
