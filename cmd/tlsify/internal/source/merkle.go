package source

import (
	"strconv"
	"strings"

	"tlsify/cmd/tlsify/internal/status"
	"tlsify/verify/mtc"
)

// Landmarks reads --mtc-landmarks.
func (f *Files) Landmarks(name string) ([]*mtc.Landmarks, error) {
	content, err := f.Load("mtc-landmarks", name)
	if err != nil {
		return nil, err
	}
	logs, err := mtc.ParseLandmarks(content)
	if err != nil {
		return nil, status.Usagef("--mtc-landmarks: %s: %v", status.Cut(name), err)
	}
	return logs, nil
}

// Cosigners reads --mtc-cosigners, 'N FILE': those in FILE, of whom N must have
// signed.
func (f *Files) Cosigners(value string) (n int, list []mtc.Cosigner, err error) {
	count, name := CosignersFile(value)
	if n, err = strconv.Atoi(count); err != nil || n < 1 || name == "" {
		return 0, nil, status.Usagef("--mtc-cosigners: %q is not 'N FILE'", status.Cut(value))
	}
	content, err := f.Load("mtc-cosigners", name)
	if err != nil {
		return 0, nil, err
	}
	if list, err = mtc.ParseCosigners(content); err != nil {
		return 0, nil, status.Usagef("--mtc-cosigners: %s: %v", status.Cut(name), err)
	}
	if n > len(list) {
		return 0, nil, status.Usagef("--mtc-cosigners: there are %d cosigners in %s, and %d must have signed", len(list), status.Cut(name), n)
	}
	return n, list, nil
}

// CosignersFile takes 'N FILE' apart.
func CosignersFile(value string) (count, name string) {
	count, name, _ = strings.Cut(value, " ")
	return count, strings.TrimLeft(name, " ")
}
