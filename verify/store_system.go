package verify

import (
	"errors"
	"io"
	"path/filepath"
	"syscall"

	"tlsify/verify/pemfile"
)

// The places where distributions keep the system's roots, the commonest first.
// The first that exists of each kind is used.
var (
	systemFiles = []string{
		"/etc/ssl/certs/ca-certificates.crt",                // Debian, Alpine, Arch, Gentoo
		"/etc/pki/tls/certs/ca-bundle.crt",                  // Fedora, RHEL before 10
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // Fedora, RHEL
		"/etc/ssl/ca-bundle.pem",                            // SUSE
		"/etc/ssl/cert.pem",                                 // BSDs, Alpine
	}
	systemDirs = []string{
		"/etc/ssl/certs",               // Debian, Alpine, SUSE, FreeBSD
		"/etc/pki/tls/certs",           // Fedora
		"/etc/openssl/certs",           // NetBSD
		"/usr/local/share/certs",       // FreeBSD before 12
		"/var/lib/ca-certificates/pem", // SUSE
	}
	// SystemTrees are where the links in those lead to. Each holds certificates
	// that everyone may read, and nothing else; to read the links themselves, of
	// which there are hundreds, would take longer than all else of a start. They are
	// not to be changed.
	SystemTrees = []string{
		"/usr/share/ca-certificates",       // Debian, Alpine, Gentoo, Void
		"/usr/local/share/ca-certificates", // the same, an administrator's
		"/etc/ca-certificates",             // Arch
		"/etc/pki/ca-trust",                // Fedora
		"/var/lib/ca-certificates",         // SUSE
	}
)

// systemSource is the source of an error of no file: that there is none.
const systemSource = "system"

// SystemStore is the system's roots. certFile and certDir are the values of
// SSL_CERT_FILE and SSL_CERT_DIR, a list with colons; where both are empty, the
// well-known places are used, else nothing but what is given. All that is
// given must be there.
//
// A hashed directory is asked before a file is searched.
func SystemStore(certFile, certDir string) (*Store, error) {
	if certFile == "" && certDir == "" {
		return wellKnownStore()
	}
	s := &Store{system: true}
	for _, dir := range filepath.SplitList(certDir) {
		sources, err := openDirectory(dir)
		if err != nil {
			return nil, err
		}
		s.sources = append(s.sources, sources...)
	}
	if certFile != "" {
		b, err := openedBundle(certFile)
		if err != nil {
			return nil, &StoreError{Source: certFile, Err: err}
		}
		s.sources = append(s.sources, b)
	}
	return s, nil
}

func wellKnownStore() (*Store, error) {
	s := &Store{system: true}
	for _, dir := range systemDirs {
		if hashed, _, err := listDirectory(dir); err == nil && hashed {
			s.sources = append(s.sources, &hashedDirectory{dir, SystemTrees})
			break
		}
	}
	for _, file := range systemFiles {
		if b, err := openedBundle(file); err == nil {
			s.sources = append(s.sources, b)
			break
		}
	}
	// Directories without hashes, only where there is nothing better: all
	// their files have to be read.
	for _, dir := range systemDirs {
		if s.sources == nil {
			s.sources, _ = openDirectory(dir)
		}
	}
	if s.sources == nil {
		return nil, &StoreError{Source: systemSource, Err: errors.New("there are no roots in the usual places: install the distribution's ca-certificates, or set SSL_CERT_FILE")}
	}
	return s, nil
}

// openBundle is a file of roots that is open: it can be read when no file can be
// opened any more, and a mistake in its path shows before there is any network
// traffic.
type openBundle struct {
	n      int
	window int // scanByWindow's
}

// openedBundle is a bundle whose file is open, until it is closed.
func openedBundle(path string) (*bundle, error) {
	n, info, err := openFile(path)
	if err != nil {
		return nil, err
	}
	switch {
	case isDirectory(&info):
		syscall.Close(n)
		return nil, errors.New("it is a directory")
	case info.Mode&syscall.S_IFMT != syscall.S_IFREG: // what it gives it gives once
		text, err := readOpen(n, &info, path)
		return &bundle{name: path, text: text}, err
	case info.Size > fileLimit:
		syscall.Close(n)
		return nil, tooLarge()
	}
	return &bundle{name: path, file: &openBundle{n, windowSize}}, nil
}

func (f *openBundle) read(name string) ([]byte, error) {
	var info syscall.Stat_t
	if err := syscall.Fstat(f.n, &info); err != nil {
		return nil, err
	}
	return readFrom(f.n, info.Size, name)
}

// windowSize is room for twenty certificates.
const windowSize = 32 << 10

// scanByWindow is scanBundle of the file with no more of it in memory at a time than
// a window: a distribution's bundle has 220 kB, each page of which costs as much to
// get as to read, and stays ours. It returns false where the whole must be looked at
// to say what is wrong, or where text between the certificates takes a window; how
// many certificates it has got to by then is in seen.
func (f *openBundle) scanByWindow(each func(der []byte) error) (seen int, ok bool) {
	window := make([]byte, f.window)
	var buf []byte
	var at int64 // where in the file what comes next is
	for held := 0; ; {
		got, err := retried(func() (int, error) { return syscall.Pread(f.n, window[held:], at) })
		if err != nil {
			return seen, false
		}
		if at == 0 && pemfile.IsDER(window[:got]) {
			return 0, false
		}
		at, held = at+int64(got), held+got
		whole := window[:held]
		if got > 0 {
			whole = whole[:pemfile.WholeBlocks(whole)]
		}
		for r := pemfile.NewReader(whole); ; seen++ {
			block, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil || checkLabel(block) != nil {
				return seen, false
			}
			if buf, err = block.Decode(buf[:0]); err != nil || each(buf) != nil {
				return seen, false
			}
		}
		switch {
		case got == 0:
			return seen, seen > 0
		case len(whole) == 0 && held == len(window):
			return seen, false
		}
		held = copy(window, window[len(whole):held])
	}
}

func (f *openBundle) close() {
	syscall.Close(f.n)
	f.n = -1
}
