// Command tlsify-ech makes what Encrypted Client Hello (RFC 9849) needs: a
// server's private key with the configuration that clients encrypt to, in one
// file for tlsify's --ech-key (RFC 9934), and the list of configurations for
// clients and for the DNS.
//
// Start reading at program.
package main

import (
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"tlsify/cmd/internal/subcommand"
	"tlsify/engine/ech"
	"tlsify/verify/pemfile"
)

var program = subcommand.Program[flags]{
	Name: "tlsify-ech", Title: "keys and configurations for Encrypted Client Hello",
	Define: (*flags).define,
	Commands: []subcommand.Command[flags]{
		{Name: "key", Args: "--name NAME FILE", Count: 1, Run: runKey,
			Help: "make a private key and its configuration, with NAME as what everyone may see, in FILE, which must not be there yet"},
		{Name: "list", Args: "FILE...", Run: runList,
			Help: "print the ECHConfigList of all configurations in the files, in base64: for --ech of a client, and the ech parameter of an HTTPS or SVCB record"},
		{Name: "show", Args: "FILE...", Run: runShow,
			Help: "print what the configurations in the files are, a line each"},
	},
}

// flags are all options of all commands.
type flags struct {
	name, kem string
	maxName   uint8
}

func (f *flags) define(set *pflag.FlagSet) {
	set.StringVar(&f.name, "name", "", "the public name: the server must have a certificate for it")
	set.StringVar(&f.kem, "kem", "x25519", "the key encapsulation, one of "+strings.Join(ech.KEMs(), ", "))
	set.Uint8Var(&f.maxName, "max-name", 64, "the length in bytes of the longest name to be hidden: shorter ones are padded to it")
}

func main() { program.Main() }

func runKey(f *flags, files []string, _ io.Writer) error {
	if f.name == "" {
		return errors.New("usage: tlsify-ech key --name NAME FILE")
	}
	key, err := ech.Generate(f.kem, f.name, f.maxName)
	if err != nil {
		return err
	}
	label, private, err := key.MarshalPrivate()
	if err != nil {
		return err
	}
	list, err := ech.List([]ech.Config{key.Config})
	if err != nil {
		return err
	}
	out, err := os.OpenFile(files[0], os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	for _, block := range []*pem.Block{{Type: label, Bytes: private}, {Type: ech.PEMConfig, Bytes: list}} {
		if err = errors.Join(err, pem.Encode(out, block)); err != nil {
			break
		}
	}
	if err = errors.Join(err, out.Close()); err != nil {
		os.Remove(files[0]) // a part is of no use
	}
	return err
}

func runList(_ *flags, files []string, out io.Writer) error {
	configs, err := read(files)
	if err != nil {
		return err
	}
	list, err := ech.List(configs)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, base64.StdEncoding.EncodeToString(list))
	return err
}

func runShow(_ *flags, files []string, out io.Writer) error {
	configs, err := read(files)
	for _, c := range configs {
		if _, err := fmt.Fprintf(out, "%s id %d kem %s suites %s max-name %d\n",
			c.PublicName, c.ID, ech.KEMName(c.KEM), suites(c.Suites), c.MaxNameLength); err != nil {
			return err
		}
	}
	return err
}

// suites writes the suites as KDF/AEAD, by their numbers.
func suites(list []ech.Suite) string {
	var words []string
	for _, s := range list {
		words = append(words, fmt.Sprintf("%d/%d", s.KDF, s.AEAD))
	}
	return strings.Join(words, ",")
}

// read gives all configurations of the files, each of which has at least one.
func read(files []string) (configs []ech.Config, err error) {
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		before := len(configs)
		for r := pemfile.NewReader(content); ; {
			block, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			if block.Label != ech.PEMConfig {
				continue
			}
			list, err := block.Decode(nil)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			more, err := ech.ParseList(list)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			configs = append(configs, more...)
		}
		if len(configs) == before {
			return nil, fmt.Errorf("%s: there is no configuration in it", name)
		}
	}
	return configs, nil
}
