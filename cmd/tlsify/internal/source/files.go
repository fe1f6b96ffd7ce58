// Package source reads what options name, a path or fd:N for an inherited descriptor, and
// parses the content.
//
// It must not know what an option decides. Start reading at [Files].
package source

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/credential"
	"tlsify/cmd/tlsify/internal/process"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
	"tlsify/engine/trustanchor"
	"tlsify/stream"
	"tlsify/verify"
	"tlsify/verify/mtc"
)

const (
	// fileLimit is the most that is read of a file the caller names. A bundle
	// of all the world's roots has 250 kB.
	fileLimit = 16 << 20
	// optionsLimit is the most that is read from an options descriptor.
	optionsLimit = 64 << 10
	optionsTime  = 10 * time.Second
	// fileTime is how long a descriptor given as fd:N may take to deliver.
	fileTime = 30 * time.Second
	// outputTime is how long the reader of what we write may stand still.
	outputTime = time.Second
)

// Files reads what options name: a path, or fd:N for an inherited descriptor.
// A descriptor is read once, whatever number of options name it.
type Files struct {
	read   map[int][]byte
	once   map[string][]byte // by path, of what is no regular file and gives its content but once
	passed map[int]bool      // on to another process, which reads it
	// OtherKeys, where not nil, reads private keys of kinds that crypto/x509 does
	// not have.
	OtherKeys credential.OtherKeys
}

// New is for a process that has read none yet.
func New() *Files { return Again(map[int][]byte{}) }

// Again is for reading the same files once more: what was read from descriptors
// stays as it was.
func Again(given map[int][]byte) *Files {
	return &Files{read: maps.Clone(given), once: map[string][]byte{}, passed: map[int]bool{}}
}

// Contents is what the descriptors had that were read, by number; who adds to it
// has the numbers taken.
func (f *Files) Contents() map[int][]byte { return f.read }

// Load reads a file for option what.
func (f *Files) Load(what, name string) ([]byte, error) {
	n, ok := process.Named(name)
	if !ok {
		return f.loadPath(what, name)
	}
	if content, ok := f.read[n]; ok {
		return content, nil
	}
	fd, err := stream.NewFD(n)
	if err != nil {
		return nil, status.Usagef("--%s: descriptor %d: %v", what, n, err)
	}
	defer fd.Close()
	fd.SetReadDeadline(time.Now().Add(fileTime))
	content, err := io.ReadAll(io.LimitReader(fd, fileLimit+1))
	if err != nil {
		return nil, status.Usagef("--%s: reading descriptor %d: %v", what, n, err)
	}
	if len(content) > fileLimit {
		return nil, status.Usagef("--%s: descriptor %d gives more than %d bytes", what, n, fileLimit)
	}
	f.read[n] = content
	return content, nil
}

func (f *Files) loadPath(what, name string) ([]byte, error) {
	if content, ok := f.once[name]; ok {
		return content, nil
	}
	// A FIFO that nobody writes to must not hold us for ever.
	file, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, status.Usagef("--%s: %s", what, status.PathText(err))
	}
	defer file.Close()
	file.SetReadDeadline(time.Now().Add(fileTime)) // where that is possible it is needed
	content, err := io.ReadAll(io.LimitReader(file, fileLimit+1))
	if err != nil {
		return nil, status.Usagef("--%s: %s", what, status.PathText(err))
	}
	if len(content) > fileLimit {
		return nil, status.Usagef("--%s: %s has more than %d bytes", what, name, fileLimit)
	}
	if info, err := file.Stat(); err == nil && !info.Mode().IsRegular() {
		f.once[name] = content
	}
	return content, nil
}

// Lines reads an options descriptor, byte by byte: behind the empty line it is
// the caller's again. A file, as a listener gives it, is read at once and then set
// back to there.
func Lines(claims *process.Claims, value string) ([]string, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n <= 2 {
		return nil, status.Usagef("--options-fd: %q is not a free descriptor", status.Cut(value))
	}
	if err := claims.Claim(n, "options-fd", process.ToRead); err != nil {
		return nil, err
	}
	if err := claims.Take(); err != nil {
		return nil, err
	}
	fd, err := stream.NewFD(n)
	if err != nil {
		return nil, status.Usagef("--options-fd: descriptor %d: %v", n, err)
	}
	defer fd.Close()
	fd.SetReadDeadline(time.Now().Add(optionsTime))
	next, leave := byByte(fd)
	defer leave()
	var lines []string
	var line []byte
	for total := 0; ; total++ {
		b, err := next()
		switch {
		case err == io.EOF && len(line) > 0:
			lines = append(lines, string(line))
			return lines, nil
		case err == io.EOF:
			return lines, nil
		case err != nil:
			return nil, status.Usagef("--options-fd: no end of the options on descriptor %d: %v", n, err)
		case total >= optionsLimit:
			return nil, status.Usagef("--options-fd: more than %d bytes on descriptor %d", optionsLimit, n)
		case b == 0:
			return nil, status.Usagef("--options-fd: a NUL on descriptor %d", n)
		case b != '\n':
			line = append(line, b)
		case len(line) == 0:
			return lines, nil
		default:
			lines, line = append(lines, string(line)), nil
		}
	}
}

// byByte reads a stream byte by byte. What leave leaves there is what next has not
// given, in a file too, which is read ahead.
func byByte(fd *stream.FD) (next func() (byte, error), leave func()) {
	room, ahead := make([]byte, 1), []byte(nil)
	if _, err := unix.Seek(fd.Number(), 0, io.SeekCurrent); err == nil {
		room = make([]byte, 4096)
	}
	next = func() (byte, error) {
		if len(ahead) == 0 {
			got, err := fd.Read(room)
			if err != nil {
				return 0, err
			}
			ahead = room[:got]
		}
		b := ahead[0]
		ahead = ahead[1:]
		return b, nil
	}
	return next, func() {
		if len(ahead) > 0 {
			unix.Seek(fd.Number(), -int64(len(ahead)), io.SeekCurrent)
		}
	}
}

// Store reads a source of roots.
func (f *Files) Store(what, name string) (*verify.Store, error) {
	var store *verify.Store
	var err error
	if _, ok := process.Named(name); ok {
		content, loadErr := f.Load(what, name)
		if loadErr != nil {
			return nil, loadErr
		}
		store, err = verify.StoreFromPEM(name, content)
	} else {
		store, err = verify.LoadStore(name)
	}
	if err != nil {
		return nil, status.Usagef("--%s: %v", what, err)
	}
	return store, nil
}

// Pin reads the file that a pin is to be taken from.
func (f *Files) Pin(value string) (verify.Pin, error) {
	content, err := f.Load("pin", value)
	if err != nil {
		return verify.Pin{}, status.Usagef("%v; a pin in place of a file is sha256//BASE64 or cert-sha256//BASE64, as `tlsify inspect` prints both", err)
	}
	pin, err := verify.PinFromPEM(content)
	if err != nil {
		return pin, status.Usagef("--pin: %s: %v", status.Cut(value), err)
	}
	return pin, nil
}

// Pass gives up the descriptor that a name may stand for, for another process to
// read it: it gives the number, which is to be closed here, or else -1. One that
// has been read already is put back into a memory file.
func (f *Files) Pass(what, name string) (int, error) {
	n, ok := process.Named(name)
	if !ok || f.passed[n] {
		return -1, nil
	}
	if content, ok := f.read[n]; ok {
		memory, err := process.MemoryFile(content)
		if err != nil {
			return -1, status.Usagef("--%s: its content cannot be passed on by a file in memory; name a file: %v", what, err)
		}
		defer unix.Close(memory)
		if err := stream.Replace(n, memory); err != nil {
			return -1, status.Usagef("--%s: descriptor %d: %v", what, n, err)
		}
	}
	f.passed[n] = true
	return n, nil
}

// Identity reads a certificate chain and the key that fits its leaf, which may be
// in the same file. Without the name of a certificate's file it is a raw public key.
func (f *Files) Identity(certName, keyName string) (*engine.Identity, error) {
	if certName == "" {
		return f.rawIdentity(keyName)
	}
	content, err := f.Load("cert", certName)
	if err != nil {
		return nil, err
	}
	chain, err := credential.ReadChain(content)
	if err != nil {
		return nil, status.Usagef("--cert: %s: %v", status.Cut(certName), err)
	}
	option := "cert"
	if keyName != certName {
		option = "key"
		if content, err = f.Load(option, keyName); err != nil {
			return nil, err
		}
	}
	key, err := credential.ReadKey(content, f.OtherKeys)
	if option == "cert" && errors.Is(err, credential.ErrNoKey) {
		err = fmt.Errorf("%w; give it with --key", err)
	}
	if err == nil {
		if err = chain.Misplaced(key); err != nil {
			option, keyName = "cert", certName
		}
	}
	if err != nil {
		return nil, status.Usagef("--%s: %s: %v", option, status.Cut(keyName), err)
	}
	if !credential.KeyFits(chain.Leaf, key) {
		return nil, status.Usagef("--%s: %s does not fit the certificate in %s", option, status.Cut(keyName), status.Cut(certName))
	}
	id := identity(chain)
	id.Key = key
	return id, nil
}

func (f *Files) rawIdentity(keyName string) (*engine.Identity, error) {
	content, err := f.Load("key", keyName)
	if err != nil {
		return nil, err
	}
	id := new(engine.Identity)
	if id.Key, err = credential.ReadKey(content, f.OtherKeys); err == nil {
		id.RawKey, err = credential.PublicKeyOf(id.Key)
	}
	if err != nil {
		return nil, status.Usagef("--key: %s: %v", status.Cut(keyName), err)
	}
	return id, nil
}

// RawKey reads the public key of an identity, or its certificate for its key.
func RawKey(name string, content []byte) (*engine.Identity, error) {
	key, err := credential.PublicKey(content)
	if err != nil {
		return nil, status.Usagef("--cert: %s: %v", status.Cut(name), err)
	}
	return &engine.Identity{RawKey: key}, nil
}

// Chain reads the certificate chain of an identity.
func Chain(name string, content []byte) (*engine.Identity, error) {
	chain, err := credential.ReadChain(content)
	if err != nil {
		return nil, status.Usagef("--cert: %s: %v", status.Cut(name), err)
	}
	return identity(chain), nil
}

// identity is one without its key.
func identity(chain *credential.Chain) *engine.Identity {
	id := &engine.Identity{Chain: chain.DER, Leaf: chain.Leaf, Anchors: chain.Anchors, Small: mtc.IsRelative(chain.Leaf)}
	// The ID of a standalone certificate is its CA's, whose name says it.
	if ca, ok := mtc.NameID(id.Leaf.RawIssuer); ok && id.Anchors == nil && mtc.IsProven(id.Leaf) && !id.Small {
		id.Anchors = &trustanchor.Properties{ID: ca}
	}
	return id
}

// ChainPEM is what Chain or RawKey reads: for another process, all that is said of
// the chain.
func ChainPEM(id *engine.Identity) ([]byte, error) {
	var out bytes.Buffer
	if id.RawKey != nil {
		pem.Encode(&out, &pem.Block{Type: "PUBLIC KEY", Bytes: id.RawKey})
	}
	if id.Anchors != nil {
		properties, err := id.Anchors.Marshal()
		if err != nil {
			return nil, err
		}
		pem.Encode(&out, &pem.Block{Type: trustanchor.PEMType, Bytes: properties})
	}
	for _, der := range id.Chain {
		pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	return out.Bytes(), nil
}

// CRLs reads revocation lists.
func (f *Files) CRLs(name string) ([]*verify.CRL, error) {
	content, err := f.Load("crl", name)
	if err != nil {
		return nil, err
	}
	lists, err := verify.ParseCRLs(name, content)
	if err != nil {
		return nil, status.Usagef("--crl: %v", err)
	}
	return lists, nil
}

// Output opens a file to append secrets to.
func (f *Files) Output(what, name string) (io.Writer, error) {
	if n, ok := process.Named(name); ok {
		fd, err := stream.NewFD(n)
		return &output{fd, what}, err
	}
	// A FIFO that nobody reads must not hold us for ever.
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, status.Usagef("--%s: %s", what, status.PathText(err))
	}
	return &output{file, what}, nil
}

// An output is written to in the middle of a handshake. That it cannot be is the
// caller's doing, and neither the peer's nor an engine's.
type output struct {
	to interface {
		io.Writer
		SetWriteDeadline(time.Time) error
	}
	option string
}

func (o *output) Write(p []byte) (int, error) {
	o.to.SetWriteDeadline(time.Now().Add(outputTime)) // no clock of the handshake's ends it
	n, err := o.to.Write(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = errors.New("who reads it stands still")
	}
	if err != nil {
		err = status.Usagef("--%s: %s", o.option, status.PathText(err))
	}
	return n, err
}
