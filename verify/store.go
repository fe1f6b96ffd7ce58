package verify

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"tlsify/verify/pemfile"
)

// Store is one source of trusted roots. It holds at most the text of one
// caller's file; roots are looked for when a path needs them. Its methods may
// be called by several goroutines.
//
// A store is never silently empty: whatever of it cannot be read or is damaged
// is a *StoreError, from here or, where it shows only at the search, from
// Policy.Check.
type Store struct {
	// system marks the system's roots: its grounds are of kind "system", and
	// its paths are held to the public web's profile (profile.go).
	system  bool
	sources []source
}

// source is a place where roots are.
type source interface {
	// find parses the roots whose subject is one of names. Unless all is set
	// it may leave out those with another encoding of the name where there are
	// some with the same.
	find(names *nameSet, all bool) ([]*x509.Certificate, error)
}

// StoreError says that one of the caller's or the system's own sources of
// trust, or a CRL of the caller's, cannot be used. It is no judgement of a peer.
type StoreError struct {
	Source string // a path, or what the caller called it
	Err    error
	CRL    bool // it is a file of CRLs
}

func (e *StoreError) Error() string {
	what := "the roots in"
	switch {
	case e.CRL:
		what = "CRL"
	case e.Source == systemSource:
		return e.Err.Error()
	}
	// What package os returns names the operation and the path again.
	var path *fs.PathError
	if errors.As(e.Err, &path) && path.Path == e.Source {
		return fmt.Sprintf("%s %s: %v", what, e.Source, path.Err)
	}
	return fmt.Sprintf("%s %s: %v", what, e.Source, e.Err)
}
func (e *StoreError) Unwrap() error { return e.Err }

// LoadStore reads a file of PEM certificates, or one certificate in DER, or
// takes a directory of such files. A directory with entries by hash
// (openssl-rehash(1)) is used by hash only, as OpenSSL does; of any other all
// files named *.pem, *.crt or *.cer are read.
func LoadStore(path string) (*Store, error) {
	n, info, err := openFile(path)
	if err != nil {
		return nil, &StoreError{Source: path, Err: err}
	}
	if isDirectory(&info) {
		syscall.Close(n)
		sources, err := openDirectory(path)
		if err != nil {
			return nil, err
		}
		return &Store{sources: sources}, nil
	}
	text, err := readOpen(n, &info, path)
	if err != nil {
		return nil, &StoreError{Source: path, Err: err}
	}
	return StoreFromPEM(path, text)
}

func isDirectory(info *syscall.Stat_t) bool { return info.Mode&syscall.S_IFMT == syscall.S_IFDIR }

// StoreFromPEM is a store of the certificates in data, which it keeps: PEM, or
// one certificate in DER. The name is for messages.
func StoreFromPEM(name string, data []byte) (*Store, error) {
	b := &bundle{name: name, text: data}
	if err := b.check(); err != nil {
		return nil, err
	}
	return &Store{sources: []source{b}}, nil
}

// Paths are where a search opens files: in directories with whatever links in them
// lead to, and in others with what is below them, and no more.
func (s *Store) Paths() (linked, whole []string) {
	for _, source := range s.sources {
		switch d, ok := source.(*hashedDirectory); {
		case ok && d.trees == nil:
			linked = append(linked, d.path)
		case ok:
			whole = append(append(whole, d.path), d.trees...)
		}
	}
	return linked, whole
}

// Close closes the files that a search reads. There must be none after it.
func (s *Store) Close() {
	for _, source := range s.sources {
		if b, ok := source.(*bundle); ok && b.file != nil {
			b.file.close()
		}
	}
}

// kind is the Kind of the grounds that rest on s.
func (s *Store) kind() string {
	if s.system {
		return "system"
	}
	return "trust"
}

// Names are the distinguished names, DER, of the store's roots, each once, for a
// server to ask its clients by. They are nil where there are none, where they
// take more than most bytes, or where the roots are found by hash: a list that is
// not whole would keep clients from showing what is accepted.
func (s *Store) Names(most int) (names [][]byte) {
	seen := map[string]bool{}
	for _, source := range s.sources {
		b, ok := source.(*bundle)
		if !ok {
			return nil
		}
		err := b.scan(func(_, subject []byte) error {
			if seen[string(subject)] {
				return nil
			}
			if most -= len(subject); most < 0 {
				return errManyNames
			}
			seen[string(subject)] = true
			names = append(names, bytes.Clone(subject))
			return nil
		})
		if err != nil {
			return nil
		}
	}
	return names
}

// errManyNames ends the reading of a store whose names are too long.
var errManyNames = errors.New("too many names")

// find gives the roots that have one of names as their subject. All sources
// are searched where all is set, else as many as it takes to find one.
func (s *Store) find(names *nameSet, all bool) ([]*x509.Certificate, error) {
	var roots []*x509.Certificate
	for _, source := range s.sources {
		found, err := source.find(names, all)
		if err != nil {
			return nil, err
		}
		roots = append(roots, found...)
		if len(roots) > 0 && !all {
			break
		}
	}
	return roots, nil
}

// nameSet is a set of distinguished names to look for.
type nameSet struct {
	raw       map[string]bool
	canonical map[string]bool
	// fault is about the first root with one of the names that does not parse.
	// It is told where no other leads to a path.
	fault error
}

func (s *nameSet) unreadable(err error) {
	if s.fault == nil {
		s.fault = err
	}
}

func (s *nameSet) add(name []byte) {
	if s.raw[string(name)] {
		return
	}
	if s.raw == nil {
		s.raw, s.canonical = map[string]bool{}, map[string]bool{}
	}
	s.raw[string(name)] = true
	if canonical := canonicalName(name); canonical != nil {
		s.canonical[string(canonical)] = true
	}
}

// bundle is a file of certificates.
type bundle struct {
	name string
	text []byte
	// file, where not nil, has the text, which is read each time it is needed.
	file *openBundle
	// parsed is the first that check has parsed, of a few.
	parsed *x509.Certificate
}

// fewRoots is how many certificates of a file are all parsed at once, to find
// early that none of them is of use. A longer file is searched by subject only.
const fewRoots = 4

// check finds whatever is wrong with a bundle that is not a matter of a single
// root's contents.
func (b *bundle) check() error {
	var few [][]byte
	err := b.scan(func(der, _ []byte) error {
		if len(few) <= fewRoots {
			few = append(few, bytes.Clone(der))
		}
		return nil
	})
	if err == nil && len(few) <= fewRoots {
		for _, der := range few {
			if b.parsed, err = x509.ParseCertificate(der); err == nil {
				break
			}
		}
	}
	if err != nil {
		return &StoreError{Source: b.name, Err: err}
	}
	return nil
}

func (b *bundle) find(names *nameSet, all bool) ([]*x509.Certificate, error) {
	var roots []*x509.Certificate
	search := func(wanted func(subject []byte) bool) error {
		return b.scan(func(der, subject []byte) error {
			if !wanted(subject) {
				return nil
			}
			if b.parsed != nil && bytes.Equal(b.parsed.Raw, der) {
				roots = append(roots, b.parsed)
				return nil
			}
			c, err := x509.ParseCertificate(bytes.Clone(der))
			if err != nil {
				names.unreadable(&StoreError{Source: b.name, Err: fmt.Errorf("the root %q can't be read: %w", nameText(subject), err)})
				return nil
			}
			roots = append(roots, c)
			return nil
		})
	}
	var err error
	if !all {
		err = search(func(subject []byte) bool { return names.raw[string(subject)] })
	}
	if err == nil && len(roots) == 0 {
		err = search(func(subject []byte) bool {
			return names.raw[string(subject)] || names.canonical[string(canonicalName(subject))]
		})
	}
	if err != nil {
		return nil, &StoreError{Source: b.name, Err: err}
	}
	return roots, nil
}

// scan calls each with every certificate and its subject.
func (b *bundle) scan(each func(der, subject []byte) error) error {
	split := func(der []byte) error {
		subject, ok := certSubject(der)
		if !ok {
			return errors.New("it is no certificate")
		}
		return each(der, subject)
	}
	text := b.text
	if b.file != nil {
		seen, ok := b.file.scanByWindow(split)
		if ok {
			return nil
		}
		var err error
		if text, err = b.file.read(b.name); err != nil {
			return err
		}
		all := split
		split = func(der []byte) error {
			if seen--; seen >= 0 {
				return nil
			}
			return all(der)
		}
	}
	if wrapped := pemfile.Wrapped(text); wrapped != "" {
		return errors.New(wrapped)
	}
	if pemfile.IsDER(text) { // one certificate
		return split(text)
	}
	return scanBundle(text, split)
}

// hashedDirectory is a directory in which a root is found by the hash of its
// subject.
type hashedDirectory struct {
	path string
	// trees, where not nil, are where links in it may lead to: a link that leads
	// elsewhere may not be followed by a process that is confined.
	trees []string
}

func (d *hashedDirectory) find(names *nameSet, all bool) ([]*x509.Certificate, error) {
	var roots []*x509.Certificate
	for name := range names.raw {
		hash, ok := nameHash([]byte(name))
		if !ok {
			continue
		}
		// Roots with the same hash are numbered without gaps. A link that leads
		// nowhere is no gap.
		for n := 0; ; n++ {
			path := filepath.Join(d.path, fmt.Sprintf("%s.%d", hash, n))
			text, err := readFile(path)
			if errors.Is(err, fs.ErrNotExist) {
				if isLink(path) {
					names.unreadable(&StoreError{Source: path, Err: errors.New("the link leads to no file: run `openssl rehash` on the directory")})
					continue
				}
				break
			}
			if d.trees != nil && errors.Is(err, fs.ErrPermission) && isLink(path) {
				names.unreadable(&StoreError{Source: path, Err: fmt.Errorf("%w: no link is followed that leads out of the distribution's places for certificates; put what it leads to into one of them, or name it (--trust FILE)", fs.ErrPermission)})
				continue
			}
			if err != nil {
				return nil, &StoreError{Source: path, Err: err}
			}
			found, err := (&bundle{name: path, text: text}).find(names, all)
			if err != nil {
				return nil, err
			}
			roots = append(roots, found...)
		}
	}
	return roots, nil
}

// isLink tells whether there is a symbolic link, wherever it leads.
func isLink(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&fs.ModeSymlink != 0
}

// openDirectory gives a directory's sources, at least one.
func openDirectory(path string) ([]source, error) {
	hashed, files, err := listDirectory(path)
	if err != nil {
		return nil, &StoreError{Source: path, Err: err}
	}
	if hashed {
		return []source{&hashedDirectory{path: path}}, nil
	}
	var sources []source
	for _, file := range files {
		text, err := readFile(file)
		if err != nil {
			return nil, &StoreError{Source: file, Err: err}
		}
		b := &bundle{name: file, text: text}
		if err := b.check(); err != nil {
			return nil, err
		}
		sources = append(sources, b)
	}
	if sources == nil {
		return nil, &StoreError{Source: path, Err: errors.New("there is no certificate file in it (*.pem, *.crt, *.cer or HASH.N)")}
	}
	return sources, nil
}

// listDirectory tells whether a directory has entries by hash, or else which of
// its files are named as certificates are.
func listDirectory(path string) (hashed bool, files []string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return false, nil, err
	}
	defer f.Close()
	for {
		names, err := f.Readdirnames(32)
		for _, name := range names {
			switch filepath.Ext(name) {
			case ".pem", ".crt", ".cer":
				files = append(files, filepath.Join(path, name))
			default:
				if isHashName(name) {
					return true, nil, nil
				}
			}
		}
		if err == io.EOF {
			slices.Sort(files)
			return false, files, nil
		}
		if err != nil {
			return false, nil, err
		}
	}
}

func isHashName(name string) bool {
	hash, number, ok := strings.Cut(name, ".")
	return ok && len(hash) == 8 && strings.Trim(hash, "0123456789abcdef") == "" &&
		number != "" && strings.Trim(number, "0123456789") == ""
}
