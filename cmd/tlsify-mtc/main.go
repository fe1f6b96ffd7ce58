// Command tlsify-mtc is a Merkle Tree Certificate authority to play with, of the
// size of a demonstration: a directory with a CA, its log in tiles, cosigners,
// and all their private keys. It issues certificates for public keys, makes
// landmarks, and makes of any log's published files what a client of tlsify is
// given with --mtc-landmarks.
//
// It is no CA to rely on: its cosigners live in the same directory, nothing is
// validated before it is certified, and one process at a time writes.
//
// Start reading at [commands]; authority.go is the directory, issue.go what is
// made of it.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"
)

// command is a row of the table of commands.
type command struct {
	name string
	args string // what it takes, for people
	help string
	run  func(f *flags, args []string, out io.Writer) error
}

var commands = []command{
	{"init", "DIR --id ID", "make a CA: DIR/ca.pem is what to trust, DIR/log/1 what to publish", runInit},
	{"cosigner", "DIR --id ID", "add a cosigner; DIR/cosigners.txt is for --mtc-cosigners", runCosigner},
	{"key", "FILE", "make a private key, for a server", runKey},
	{"issue", "DIR --name NAME... --key FILE --out FILE", "log a certificate for a public key and write the standalone one", runIssue},
	{"fill", "DIR COUNT", "log so many entries for nobody, so that proofs are as long as elsewhere", runFill},
	{"landmark", "DIR", "make the log's size a landmark", runLandmark},
	{"relative", "DIR --cert FILE --out FILE", "write the landmark-relative certificate beside a standalone one", runRelative},
	{"landmarks", "LOG --ca FILE", "check a log's checkpoint, tiles and landmarks, in a directory or at a URL, and print what --mtc-landmarks reads", runLandmarks},
}

// flags are all options of all commands; each command uses some.
type flags struct {
	id, kind, key, out, cert, ca, cosigners string
	names                                   []string
	days, active, quorum                    int
	log                                     uint16
	onDemand, forge                         bool
}

func (f *flags) define(set *pflag.FlagSet) {
	set.StringVar(&f.id, "id", "", "trust anchor ID, such as 32473.1")
	set.StringVar(&f.kind, "kind", "mldsa44", "kind of key: "+strings.Join(kindNames(), ", "))
	set.StringVar(&f.key, "key", "", "PEM public or private key of whom the certificate is for")
	set.StringVar(&f.out, "out", "", "file to write")
	set.StringVar(&f.cert, "cert", "", "standalone certificate")
	set.StringVar(&f.ca, "ca", "", "the CA's certificate")
	set.StringVar(&f.cosigners, "mtc-cosigners", "", "'N FILE': so many of the cosigners in FILE must have signed the checkpoint")
	set.StringArrayVar(&f.names, "name", nil, "DNS name or IP address; repeatable")
	set.IntVar(&f.days, "days", 7, "how long a certificate is valid; a CA's is for 3650")
	set.IntVar(&f.active, "active", 24, "how many landmarks are active")
	set.IntVar(&f.quorum, "cosigners", 0, "how many cosigners sign, in the order they were added")
	set.Uint16Var(&f.log, "log", 1, "the log's number")
	set.BoolVar(&f.forge, "forge", false, "write a certificate whose proof is none, to see it refused")
	set.BoolVar(&f.onDemand, "on-demand", false, "the certificate is only for clients that ask for its trust anchor")
}

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "tlsify-mtc: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	var f flags
	set := pflag.NewFlagSet("tlsify-mtc", pflag.ContinueOnError)
	set.SetOutput(io.Discard)
	f.define(set)
	err := set.Parse(args)
	if errors.Is(err, pflag.ErrHelp) || err == nil && set.NArg() == 0 {
		usage(set, out)
		return nil
	}
	if err != nil {
		return err
	}
	for _, c := range commands {
		if c.name == set.Arg(0) {
			if want := strings.Fields(c.args); len(want) > 1 && !strings.HasPrefix(want[1], "-") && set.NArg() != 3 ||
				(len(want) == 1 || strings.HasPrefix(want[1], "-")) && set.NArg() != 2 {
				return fmt.Errorf("usage: tlsify-mtc %s %s", c.name, c.args)
			}
			return c.run(&f, set.Args()[1:], out)
		}
	}
	return fmt.Errorf("%q is no command; tlsify-mtc --help lists them", set.Arg(0))
}

func usage(set *pflag.FlagSet, out io.Writer) {
	fmt.Fprintln(out, "tlsify-mtc: a Merkle Tree CA to play with")
	for _, c := range commands {
		fmt.Fprintf(out, "\n  tlsify-mtc %s %s\n      %s\n", c.name, c.args, c.help)
	}
	fmt.Fprintf(out, "\n%s", set.FlagUsages())
}
