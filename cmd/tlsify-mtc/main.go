// Command tlsify-mtc is a Merkle Tree Certificate authority to play with, of the
// size of a demonstration: a directory with a CA, its log in tiles, cosigners,
// and all their private keys. It issues certificates for public keys, makes
// landmarks, and makes of any log's published files what a client of tlsify is
// given with --mtc-landmarks.
//
// It is no CA to rely on: its cosigners live in the same directory, nothing is
// validated before it is certified, and one process at a time writes.
//
// Start reading at program; authority.go is the directory, issue.go what is
// made of it.
package main

import (
	"strings"

	"github.com/spf13/pflag"

	"tlsify/cmd/internal/subcommand"
)

var program = subcommand.Program[flags]{
	Name: "tlsify-mtc", Title: "a Merkle Tree CA to play with",
	Define: (*flags).define,
	Commands: []subcommand.Command[flags]{
		{Name: "init", Args: "DIR --id ID", Count: 1, Run: runInit,
			Help: "make a CA: DIR/ca.pem is what to trust, DIR/log/1 what to publish"},
		{Name: "cosigner", Args: "DIR --id ID", Count: 1, Run: runCosigner,
			Help: "add a cosigner; DIR/cosigners.txt is for --mtc-cosigners"},
		{Name: "key", Args: "FILE", Count: 1, Run: runKey,
			Help: "make a private key, for a server"},
		{Name: "issue", Args: "DIR --name NAME... --key FILE --out FILE", Count: 1, Run: runIssue,
			Help: "log a certificate for a public key and write the standalone one"},
		{Name: "fill", Args: "DIR COUNT", Count: 2, Run: runFill,
			Help: "log so many entries for nobody, so that proofs are as long as elsewhere"},
		{Name: "landmark", Args: "DIR", Count: 1, Run: runLandmark,
			Help: "make the log's size a landmark"},
		{Name: "relative", Args: "DIR --cert FILE --out FILE", Count: 1, Run: runRelative,
			Help: "write the landmark-relative certificate beside a standalone one"},
		{Name: "landmarks", Args: "LOG --ca FILE", Count: 1, Run: runLandmarks,
			Help: "check a log's checkpoint, tiles and landmarks, in a directory or at a URL, and print what --mtc-landmarks reads"},
	},
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

func main() { program.Main() }
