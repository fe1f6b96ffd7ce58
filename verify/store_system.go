package verify

import (
	"errors"
	"path/filepath"
	"syscall"
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
	// systemTrees are where the links in those lead to. Each holds certificates
	// that everyone may read, and nothing else; to read the links themselves, of
	// which there are hundreds, would take longer than all else of a start.
	systemTrees = []string{
		"/usr/share/ca-certificates",       // Debian, Alpine, Gentoo, Void
		"/usr/local/share/ca-certificates", // the same, an administrator's
		"/etc/ca-certificates",             // Arch
		"/etc/pki/ca-trust",                // Fedora
		"/var/lib/ca-certificates",         // SUSE
	}
)

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
			s.sources = append(s.sources, &hashedDirectory{dir, systemTrees})
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
		return nil, &StoreError{Source: "system", Err: errors.New("there are no roots in the usual places: install the distribution's ca-certificates, or set SSL_CERT_FILE")}
	}
	return s, nil
}

// openBundle is a file of roots that is open: it can be read when no file can be
// opened any more, and a mistake in its path shows before there is any network
// traffic.
type openBundle struct{ n int }

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
	}
	return &bundle{name: path, file: &openBundle{n}}, nil
}

func (f *openBundle) read(name string) ([]byte, error) {
	var info syscall.Stat_t
	if err := syscall.Fstat(f.n, &info); err != nil {
		return nil, err
	}
	return readFrom(f.n, info.Size, name)
}

func (f *openBundle) close() {
	syscall.Close(f.n)
	f.n = -1
}
