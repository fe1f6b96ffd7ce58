package mtc

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"tlsify/engine/trustanchor"
)

// This file has the text forms of what a relying party is given. In both, lines
// end with a newline, words are separated by one space, and a line that is
// empty or begins with # says nothing.

// Landmarks are the trusted subtrees of one CA's log (section 7.4).
type Landmarks struct {
	CA  trustanchor.ID
	Log uint16
	// Last is the number of the latest landmark among them, by which a client
	// tells servers what it has; zero: it says nothing.
	Last     uint64
	Subtrees []Subtree
}

// Subtree is a trusted one.
type Subtree struct {
	Interval
	Hash []byte
}

const (
	landmarksFirst = "tlsify-mtc-landmarks 1"
	// maxText bounds a file, maxSubtrees what is in it: a CA that lets a
	// certificate live for 47 days and makes a landmark an hour has 2258.
	maxText     = 1 << 20
	maxSubtrees = 1 << 13
	maxLine     = 8 << 10
	// maxCosigners bounds the signatures that a certificate makes us check.
	maxCosigners = 32
)

// ParseLandmarks reads the text form, of any number of logs. Its first line is
// "tlsify-mtc-landmarks 1". For each log there is a line "log CA N LAST": the
// CA's trust anchor ID, the log's number, and that of its latest landmark. Its
// subtrees follow, each in a line "subtree START END HASH", the hash in
// hexadecimal.
func ParseLandmarks(text []byte) ([]*Landmarks, error) {
	var logs []*Landmarks
	count := 0
	err := eachLine(text, func(n int, words []string) error {
		if n == 0 {
			if strings.Join(words, " ") != landmarksFirst {
				return fmt.Errorf("the first line is not %q", landmarksFirst)
			}
			return nil
		}
		switch {
		case words[0] == "log" && len(words) == 4:
			l, err := parseLog(words[1:])
			if err != nil {
				return err
			}
			for _, other := range logs {
				if other.CA == l.CA && other.Log == l.Log {
					return errors.New("there is that log already")
				}
			}
			logs = append(logs, l)
			return nil
		case words[0] == "subtree" && len(words) == 4 && len(logs) > 0:
			if count++; count > maxSubtrees {
				return fmt.Errorf("there are more than %d subtrees", maxSubtrees)
			}
			return logs[len(logs)-1].parseSubtree(words[1:])
		}
		return errors.New("it has neither the form log CA NUMBER LANDMARK nor, behind such a line, subtree START END HASH")
	})
	if err == nil && len(logs) == 0 {
		err = errors.New("there is no log in it")
	}
	return logs, err
}

func parseLog(words []string) (*Landmarks, error) {
	l := new(Landmarks)
	var err error
	if l.CA, err = trustanchor.ParseID(words[0]); err != nil {
		return nil, err
	}
	log, err := parseNumber(words[1])
	if err != nil || log == 0 || log > maxLog {
		return nil, errors.New("a log's number is one from 1 to 65535")
	}
	l.Log = uint16(log)
	l.Last, err = parseNumber(words[2])
	return l, err
}

func (l *Landmarks) parseSubtree(words []string) error {
	var s Subtree
	var err error
	if s.Start, err = parseNumber(words[0]); err == nil {
		s.End, err = parseNumber(words[1])
	}
	if err != nil {
		return err
	}
	if !s.ValidSubtree() || s.End > maxIndex || s.Size() == 0 {
		return fmt.Errorf("%v is no subtree", s.Interval)
	}
	if s.Hash, err = hex.DecodeString(words[2]); err != nil || len(s.Hash) < 32 || len(s.Hash) > 64 {
		return errors.New("a hash is 32 to 64 bytes in hexadecimal")
	}
	for _, other := range l.Subtrees {
		if other.Interval == s.Interval {
			return errors.New("there is that subtree already")
		}
	}
	l.Subtrees = append(l.Subtrees, s)
	return nil
}

// parseNumber reads a number in decimal, without leading zeros, below 2^63.
func parseNumber(word string) (uint64, error) {
	n, err := strconv.ParseInt(word, 10, 64)
	if err != nil || n < 0 || word != strconv.FormatInt(n, 10) {
		return 0, fmt.Errorf("%q is no number", word)
	}
	return uint64(n), nil
}

// MarshalLandmarks writes the text form.
func MarshalLandmarks(logs []*Landmarks) []byte {
	var b bytes.Buffer
	fmt.Fprintln(&b, landmarksFirst)
	for _, l := range logs {
		fmt.Fprintf(&b, "log %s %d %d\n", l.CA, l.Log, l.Last)
		for _, s := range l.Subtrees {
			fmt.Fprintf(&b, "subtree %d %d %x\n", s.Start, s.End, s.Hash)
		}
	}
	return b.Bytes()
}

// Group is the trust anchor ID by which a client says that it has these
// landmarks; false where they have no number.
func (l *Landmarks) Group() (trustanchor.ID, bool) {
	return landmarkGroup(l.CA, l.Log, l.Last), l.Last > 0
}

// ParseCosigners reads the text form of known cosigners: a line "ID KEY" for
// each, its trust anchor ID and its key as SubjectPublicKeyInfo in Base64. No ID
// and no key may be there twice, so that none counts twice.
func ParseCosigners(text []byte) ([]Cosigner, error) {
	var list []Cosigner
	seen := map[string]bool{}
	err := eachLine(text, func(_ int, words []string) error {
		if len(words) != 2 {
			return errors.New("it has not the form ID KEY")
		}
		id, err := trustanchor.ParseID(words[0])
		if err != nil {
			return err
		}
		spki, err := base64.StdEncoding.Strict().DecodeString(words[1])
		if err != nil {
			return errors.New("the key is not in Base64")
		}
		key, err := ParseKey(spki)
		if err != nil {
			return err
		}
		if seen["id "+words[0]] || seen["key "+words[1]] {
			return errors.New("there is that ID or key already")
		}
		seen["id "+words[0]], seen["key "+words[1]] = true, true
		if list = append(list, Cosigner{id, key}); len(list) > maxCosigners {
			return fmt.Errorf("there are more than %d cosigners", maxCosigners)
		}
		return nil
	})
	if err == nil && len(list) == 0 {
		err = errors.New("there is no cosigner in it")
	}
	return list, err
}

// eachLine calls what for the words of every line that says something, with its
// number among those. The error names the line.
func eachLine(text []byte, what func(n int, words []string) error) error {
	if len(text) > maxText {
		return fmt.Errorf("it has more than %d bytes", maxText)
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		return errors.New("its last line does not end: it may have been cut off")
	}
	n, number := 0, 0
	for line := range strings.SplitSeq(strings.TrimSuffix(string(text), "\n"), "\n") {
		number++
		if line == "" || line[0] == '#' {
			continue
		}
		if len(line) > maxLine {
			return fmt.Errorf("line %d: it is too long", number)
		}
		if err := what(n, strings.Split(line, " ")); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		n++
	}
	return nil
}

// AddLandmarks makes t trust more subtrees. It fails, and changes nothing,
// where one is trusted already, so that there is never a choice of hashes.
func (t *Trust) AddLandmarks(logs ...*Landmarks) error {
	for _, l := range logs {
		for _, s := range l.Subtrees {
			if t.find(l.CA, l.Log, s.Interval) != nil {
				return fmt.Errorf("the subtree %v of log %d of %s was given before", s.Interval, l.Log, l.CA)
			}
		}
	}
	t.Landmarks = append(t.Landmarks, logs...)
	return nil
}
