// Package subcommand is the command line of a program that has a command for each
// thing that it does: PROGRAM COMMAND [OPTION]... ARG...
//
// It must not know what the commands do. Start reading at [Program].
package subcommand

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/pflag"
)

// Program is a program whose options, of all its commands, are in an F.
type Program[F any] struct {
	Name, Title string
	Define      func(*F, *pflag.FlagSet)
	Commands    []Command[F]
}

// Command is a row of the table of commands.
type Command[F any] struct {
	Name  string
	Args  string // what it takes, for people
	Count int    // of its arguments; 0: one or more
	Help  string
	Run   func(f *F, args []string, out io.Writer) error
}

// Main is the whole of the program.
func (p *Program[F]) Main() {
	if err := p.Run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", p.Name, err)
		os.Exit(1)
	}
}

// Run is Main with an error for a result.
func (p *Program[F]) Run(args []string, out io.Writer) error {
	var f F
	set := pflag.NewFlagSet(p.Name, pflag.ContinueOnError)
	set.SetOutput(io.Discard)
	p.Define(&f, set)
	err := set.Parse(args)
	if errors.Is(err, pflag.ErrHelp) || err == nil && set.NArg() == 0 {
		p.usage(set, out)
		return nil
	}
	if err != nil {
		return err
	}
	for _, c := range p.Commands {
		if c.Name != set.Arg(0) {
			continue
		}
		if n := set.NArg() - 1; n == 0 || c.Count > 0 && n != c.Count {
			return fmt.Errorf("usage: %s %s %s", p.Name, c.Name, c.Args)
		}
		return c.Run(&f, set.Args()[1:], out)
	}
	return fmt.Errorf("%q is no command; %s --help lists them", set.Arg(0), p.Name)
}

func (p *Program[F]) usage(set *pflag.FlagSet, out io.Writer) {
	fmt.Fprintf(out, "%s: %s\n", p.Name, p.Title)
	for _, c := range p.Commands {
		fmt.Fprintf(out, "\n  %s %s %s\n      %s\n", p.Name, c.Name, c.Args, c.Help)
	}
	fmt.Fprintf(out, "\n%s", set.FlagUsages())
}
