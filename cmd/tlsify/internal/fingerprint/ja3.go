package fingerprint

import (
	"crypto/md5"
	"encoding/hex"
	"strconv"
	"strings"
)

// JA3 is the string of github.com/salesforce/ja3: version, suites, extensions,
// groups and point formats in decimal, in their order, less GREASE.
func (h *Hello) JA3() string {
	var extensions, formats []uint16
	for _, e := range h.Extensions {
		extensions = append(extensions, e.ID)
	}
	for _, f := range h.pointFormats {
		formats = append(formats, uint16(f))
	}
	return strings.Join([]string{
		strconv.Itoa(int(h.Version)), decimal(h.Suites), decimal(extensions), decimal(h.groups), decimal(formats),
	}, ",")
}

// JA3Hash is the MD5 of [Hello.JA3], in hexadecimal.
func (h *Hello) JA3Hash() string {
	sum := md5.Sum([]byte(h.JA3()))
	return hex.EncodeToString(sum[:])
}

func decimal(list []uint16) string {
	var words []string
	for _, v := range list {
		if !isGREASE(v) {
			words = append(words, strconv.Itoa(int(v)))
		}
	}
	return strings.Join(words, "-")
}
