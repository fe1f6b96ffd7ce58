package main

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/privatekey"
	"tlsify/engine"
	"tlsify/stream"
	"tlsify/verify"
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
)

// files reads what options name: a path, or fd:N for an inherited descriptor.
// A descriptor is read once, whatever number of options name it.
type files struct {
	fds    *descriptors
	read   map[int][]byte
	passed map[int]bool // on to another process, which reads it
}

func newFiles(fds *descriptors) *files {
	return &files{fds: fds, read: map[int][]byte{}, passed: map[int]bool{}}
}

// descriptorOf takes fd:N apart.
func descriptorOf(name string) (int, bool) {
	digits, ok := strings.CutPrefix(name, "fd:")
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil && n >= 0
}

// load reads a file for option what.
func (f *files) load(what, name string) ([]byte, error) {
	n, ok := descriptorOf(name)
	if !ok {
		return loadPath(what, name)
	}
	if content, ok := f.read[n]; ok {
		return content, nil
	}
	if n <= 2 {
		return nil, usagef("--%s: descriptor %d is not free for that", what, n)
	}
	if err := f.fds.claim(n, what, toRead); err != nil {
		return nil, err
	}
	fd, err := stream.NewFD(n)
	if err != nil {
		return nil, usagef("--%s: descriptor %d: %v", what, n, err)
	}
	defer fd.Close()
	fd.SetReadDeadline(time.Now().Add(fileTime))
	content, err := io.ReadAll(io.LimitReader(fd, fileLimit+1))
	if err != nil {
		return nil, usagef("--%s: reading descriptor %d: %v", what, n, err)
	}
	if len(content) > fileLimit {
		return nil, usagef("--%s: descriptor %d gives more than %d bytes", what, n, fileLimit)
	}
	f.read[n] = content
	return content, nil
}

func loadPath(what, name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, usagef("--%s: %s", what, pathText(err))
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, fileLimit+1))
	if err != nil {
		return nil, usagef("--%s: %s", what, pathText(err))
	}
	if len(content) > fileLimit {
		return nil, usagef("--%s: %s has more than %d bytes", what, name, fileLimit)
	}
	return content, nil
}

// pathText says what is wrong with a file without the name of a system call.
func pathText(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return cut(path.Path) + ": " + path.Err.Error()
	}
	return err.Error()
}

// lines reads an options descriptor, byte by byte: behind the empty line it is
// the caller's again.
func (f *files) lines(value string) ([]string, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n <= 2 {
		return nil, usagef("--options-fd: %q is not a free descriptor", cut(value))
	}
	if err := f.fds.claim(n, "options-fd", toRead); err != nil {
		return nil, err
	}
	fd, err := stream.NewFD(n)
	if err != nil {
		return nil, usagef("--options-fd: descriptor %d: %v", n, err)
	}
	defer fd.Close()
	fd.SetReadDeadline(time.Now().Add(optionsTime))
	var lines []string
	var line []byte
	for total := 0; ; total++ {
		var b [1]byte
		_, err := fd.Read(b[:])
		switch {
		case err == io.EOF && len(line) > 0:
			lines = append(lines, string(line))
			return lines, nil
		case err == io.EOF:
			return lines, nil
		case err != nil:
			return nil, usagef("--options-fd: no end of the options on descriptor %d: %v", n, err)
		case total >= optionsLimit:
			return nil, usagef("--options-fd: more than %d bytes on descriptor %d", optionsLimit, n)
		case b[0] == 0:
			return nil, usagef("--options-fd: a NUL on descriptor %d", n)
		case b[0] != '\n':
			line = append(line, b[0])
		case len(line) == 0:
			return lines, nil
		default:
			lines, line = append(lines, string(line)), nil
		}
	}
}

// store reads a source of roots.
func (f *files) store(what, name string) (*verify.Store, error) {
	var store *verify.Store
	var err error
	if _, ok := descriptorOf(name); ok {
		content, loadErr := f.load(what, name)
		if loadErr != nil {
			return nil, loadErr
		}
		store, err = verify.StoreFromPEM(name, content)
	} else {
		store, err = verify.LoadStore(name)
	}
	if err != nil {
		return nil, usagef("--%s: %v", what, err)
	}
	return store, nil
}

// pin reads a pin, or the file that it is to be taken from.
func (f *files) pin(value string) (verify.Pin, error) {
	if strings.HasPrefix(value, "sha256//") || strings.HasPrefix(value, "cert-sha256//") {
		pin, err := verify.ParsePin(value)
		if err != nil {
			return pin, usagef("--pin: %v", err)
		}
		return pin, nil
	}
	content, err := f.load("pin", value)
	if err != nil {
		return verify.Pin{}, err
	}
	pin, err := verify.PinFromPEM(content)
	if err != nil {
		return pin, usagef("--pin: %s: %v", cut(value), err)
	}
	return pin, nil
}

// pass claims the descriptor that a name may stand for, for another process to
// read it: it gives the number, which is to be closed here, or else -1. One that
// has been read already is put back into a memory file.
func (f *files) pass(what, name string) (int, error) {
	n, ok := descriptorOf(name)
	if !ok || f.passed[n] {
		return -1, nil
	}
	if content, ok := f.read[n]; ok {
		memory, err := memoryFile(content)
		if err != nil {
			return -1, usagef("--%s: %v", what, err)
		}
		defer unix.Close(memory)
		if err := replaceDescriptor(n, memory); err != nil {
			return -1, usagef("--%s: descriptor %d: %v", what, n, err)
		}
	} else if n <= 2 {
		return -1, usagef("--%s: descriptor %d is not free for that", what, n)
	} else if err := f.fds.claim(n, what, toRead); err != nil {
		return -1, err
	}
	f.passed[n] = true
	return n, nil
}

// identity reads a certificate chain and the key that fits its leaf.
func (f *files) identity(certName, keyName string) (*engine.Identity, error) {
	content, err := f.load("cert", certName)
	if err != nil {
		return nil, err
	}
	id, err := chainOf(certName, content)
	if err != nil {
		return nil, err
	}
	if content, err = f.load("key", keyName); err != nil {
		return nil, err
	}
	if id.Key, err = privatekey.Parse(content); err != nil {
		return nil, usagef("--key: %s: %v", cut(keyName), err)
	}
	if !privatekey.Fits(id.Leaf, id.Key) {
		return nil, usagef("--key: %s does not fit the certificate in %s", cut(keyName), cut(certName))
	}
	return id, nil
}

// chainOf reads the certificate chain of an identity.
func chainOf(name string, content []byte) (id *engine.Identity, err error) {
	id = &engine.Identity{}
	for rest := content; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type == "CERTIFICATE" {
			id.Chain = append(id.Chain, block.Bytes)
		}
	}
	if len(id.Chain) == 0 {
		return nil, usagef("--cert: %s has no PEM certificate", cut(name))
	}
	if id.Leaf, err = x509.ParseCertificate(id.Chain[0]); err != nil {
		return nil, usagef("--cert: %s: the first certificate is malformed: %v", cut(name), err)
	}
	return id, nil
}

// output opens a file to append secrets to.
func (f *files) output(what, name string) (io.Writer, error) {
	if n, ok := descriptorOf(name); ok {
		if n <= 2 {
			return nil, usagef("--%s: descriptor %d is not free for that", what, n)
		}
		if err := f.fds.claim(n, what, toWrite); err != nil {
			return nil, err
		}
		return stream.NewFD(n)
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, usagef("--%s: %s", what, pathText(err))
	}
	return file, nil
}
