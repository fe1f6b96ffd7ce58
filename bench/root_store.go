package bench

import (
	"crypto/sha1"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// Where distributions keep their roots as one file, and as a directory of
// links that are named by a hash of the subject.
var (
	distributionBundles = []string{
		"/etc/ssl/certs/ca-certificates.crt",
		"/etc/pki/tls/certs/ca-bundle.crt",
		"/etc/ssl/ca-bundle.pem",
		"/etc/ssl/cert.pem",
	}
	distributionDirs = []string{"/etc/ssl/certs", "/etc/pki/tls/certs"}
)

var hashedName = regexp.MustCompile(`^[0-9a-f]{8}\.[0-9]+$`)

// readBundle reads the distribution's roots, and says where they are.
func readBundle() (path string, roots []byte, err error) {
	for _, path := range distributionBundles {
		if roots, err := os.ReadFile(path); err == nil {
			return path, roots, nil
		}
	}
	return "", nil, errors.New("the distribution has no bundle of roots in the usual places")
}

// bundleWith writes the distribution's roots and this chain's to one file: what
// a verifier has to read that knows no better than to load it all.
func (c *chain) bundleWith(dir string) (string, error) {
	_, roots, err := readBundle()
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "bundle.pem")
	return file, os.WriteFile(file, append(roots, c.rootPEM...), 0o644)
}

// hashedDirectoryWith makes a directory with the links of the distribution's
// and one for this chain's root.
func (c *chain) hashedDirectoryWith(dir string) (string, error) {
	dir = filepath.Join(dir, "hashed")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	copied := 0
	for _, source := range distributionDirs {
		entries, _ := os.ReadDir(source)
		for _, entry := range entries {
			if !hashedName.MatchString(entry.Name()) {
				continue
			}
			target, err := filepath.EvalSymlinks(filepath.Join(source, entry.Name()))
			if err == nil {
				err = os.Symlink(target, filepath.Join(dir, entry.Name()))
			}
			if err == nil {
				copied++
			}
		}
		if copied > 0 {
			break
		}
	}
	if copied == 0 {
		return "", errors.New("the distribution has no hashed directory of roots in the usual places")
	}
	hash, err := subjectHash()
	if err != nil {
		return "", err
	}
	return dir, os.Symlink(c.rootFile, filepath.Join(dir, hash+".0"))
}

// subjectHash gives the name of the root's link. It is the beginning of
// the SHA-1 of the subject in OpenSSL's canonical form: the relative names
// without the sequence around them, every string as UTF-8 in lower case.
func subjectHash() (string, error) {
	commonName := asn1.ObjectIdentifier{2, 5, 4, 3}
	canonical, err := asn1.MarshalWithParams([]any{struct {
		Type  asn1.ObjectIdentifier
		Value string `asn1:"utf8"`
	}{commonName, authorityName}}, "set")
	if err != nil {
		return "", err
	}
	sum := sha1.Sum(canonical)
	return fmt.Sprintf("%08x", binary.LittleEndian.Uint32(sum[:])), nil
}
