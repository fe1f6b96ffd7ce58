package personality

import (
	"fmt"
	"slices"
	"strings"
)

// suite12 is a cipher suite of TLS 1.2 that there is here, with the words of
// OpenSSL's lists that it goes by. SHA256 and SHA384 are none of these: as words they
// are of suites with a MAC.
type suite12 struct {
	name  string
	words []string
}

func suites12() (list []suite12) {
	for _, auth := range []string{"ECDSA", "RSA"} {
		for _, rest := range []string{"AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"} {
			words := []string{"ALL", "DEFAULT", "HIGH", "AEAD", "TLSv1.2", "ECDHE", "EECDH", "ECDH", "kECDHE", "kEECDH", "a" + auth}
			if auth == "ECDSA" {
				words = append(words, auth)
			}
			key, _, _ := strings.Cut(rest, "-")
			words = append(words, key)
			if key != "CHACHA20" {
				words = append(words, "AES", "AESGCM", "FIPS")
			}
			name := "ECDHE-" + auth + "-" + rest
			list = append(list, suite12{name, append(words, name)})
		}
	}
	return list
}

// suites13 are those of TLS 1.3.
var suites13 = []string{"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}

// ciphers are the suites that the peer may choose, by -cipher under TLS 1.2 and
// by -ciphersuites under TLS 1.3; nil: all that there are.
func (s *sClientCall) ciphers() ([]string, error) {
	var old, all []string
	for _, suite := range suites12() {
		old = append(old, suite.name)
	}
	all = slices.Concat(old, suites13)
	recent := suites13
	if list, ok := s.seen["ciphersuites"]; ok {
		recent = strings.Split(list, ":")
		for _, name := range recent {
			if !slices.Contains(suites13, name) {
				return nil, fmt.Errorf("-ciphersuites: there is no %s here", name)
			}
		}
	}
	if list, ok := s.seen["cipher"]; ok {
		var err error
		if old, err = cipherList(list); err != nil {
			return nil, err
		}
	}
	if allowed := slices.Concat(old, recent); len(allowed) < len(all) {
		return allowed, nil
	}
	return nil, nil
}

// cipherList reads a list of OpenSSL's. A word that names nothing of ours is
// without effect, as it is there; a list that names nothing at all is refused.
func cipherList(list string) (names []string, err error) {
	banned := map[string]bool{}
	taken := map[string]bool{}
	for _, item := range strings.FieldsFunc(list, func(r rune) bool { return strings.ContainsRune(":,; ", r) }) {
		item = strings.ReplaceAll(item, "@STRENGTH", "") // an order, which is the server's to choose
		item, level, levelled := strings.Cut(item, "@SECLEVEL=")
		if levelled {
			if err := checkLevel("-cipher @SECLEVEL="+level, level); err != nil {
				return nil, err
			}
		}
		word := strings.TrimLeft(item, "!-+")
		for _, suite := range suites12() {
			if word == "" || slices.ContainsFunc(strings.Split(word, "+"), func(w string) bool { return !slices.Contains(suite.words, w) }) {
				continue
			}
			switch item[0] {
			case '!':
				banned[suite.name] = true
			case '-':
				taken[suite.name] = false
			case '+':
			default:
				taken[suite.name] = true
			}
		}
	}
	for _, suite := range suites12() {
		if taken[suite.name] && !banned[suite.name] {
			names = append(names, suite.name)
		}
	}
	// A level alone is of the list that there is by itself.
	if len(names) == 0 && strings.HasPrefix(list, "@SECLEVEL=") && !strings.ContainsAny(list, ":,; ") {
		return cipherList("ALL")
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("-cipher %s names none of the cipher suites that there are here", list)
	}
	return names, nil
}
