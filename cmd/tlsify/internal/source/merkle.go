package source

import (
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

// Cosigners reads the cosigners of --mtc-cosigners, of whom n must have signed.
func (f *Files) Cosigners(n int, name string) ([]mtc.Cosigner, error) {
	content, err := f.Load("mtc-cosigners", name)
	if err != nil {
		return nil, err
	}
	list, err := mtc.ParseCosigners(content)
	if err != nil {
		return nil, status.Usagef("--mtc-cosigners: %s: %v", status.Cut(name), err)
	}
	if n > len(list) {
		return nil, status.Usagef("--mtc-cosigners: %d must have signed, and %s has no more than %d", n, status.Cut(name), len(list))
	}
	return list, nil
}
