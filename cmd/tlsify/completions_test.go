package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tlsify/cmd/tlsify/internal/acquire"
	"tlsify/cmd/tlsify/internal/dial"
	"tlsify/cmd/tlsify/internal/invocation"
	"tlsify/cmd/tlsify/internal/option"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
	"tlsify/pump"
)

// completions are the files of doc/completions, each under the name that its
// shell looks for, and what makes it of the tables.
var completions = map[string]func() string{
	"tlsify":      bashCompletions,
	"_tlsify":     zshCompletions,
	"tlsify.fish": fishCompletions,
}

func TestCompletions(t *testing.T) {
	for name, table := range completions {
		t.Run(name, func(t *testing.T) { checkGenerated(t, "../../doc/completions/"+name, table()) })
	}
}

// namedWords are the values of options whose help does not list them between bars.
// Those of an engine's are the same in every build (TestNamedWords).
var namedWords = map[string][]string{
	"engine":       {"std", "utls", "pq"},
	"min-security": {"standard", "tls13", "pq", "pq-auth", "cnsa2", "bsi", "fips202205", "wpa202304"},
	"binding":      {"tls-exporter", "tls-server-end-point"},
	"starttls":     dial.StarttlsProtocols(),
	"pump":         {string(pump.Auto), string(pump.Kernel), string(pump.Record), string(pump.Session)},
	"handoff":      {"socketpair", "ktls", "auto"},
	"groups":       {"X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024", "x25519", "secp256r1", "secp384r1", "MLKEM768", "MLKEM1024", "MLKEM512", "X-Wing"},
	"fingerprint":  {"chrome", "firefox", "safari", "ios", "edge", "random"},
}

// The program takes each of these words.
func TestNamedWords(t *testing.T) {
	pki := pkiFiles(t)
	for name, words := range namedWords {
		for _, word := range words {
			args := []string{"connect", "--" + name, word, "--trust", pki + "/ca.pem", "localhost:1"}
			switch name {
			case "groups":
				args = append([]string{"connect", "--engine", "pq"}, args[1:]...)
			case "fingerprint":
				args = append([]string{"connect", "--engine", "utls", "--alpn", "h2,http/1.1"}, args[1:]...)
			case "handoff":
				args = append([]string{"connect", "--control-fd", "0"}, args[1:]...) // which is refused, but later
			}
			call, in, err := acquire.Words(args, status.Reporter{}, built())
			if err == nil {
				_, err = invocation.Parse(call, in)
			}
			unsupported := errors.As(err, new(*engine.UnsupportedError)) || strings.Contains(fmt.Sprint(err), "this build has no engine")
			if err != nil && !unsupported && !strings.Contains(err.Error(), "descriptor 0 is the plaintext's") {
				t.Errorf("--%s %s: %v", name, word, err)
			}
		}
	}
}

// wordsOf are the values that an option has words for.
func wordsOf(o option.Option) []string {
	if words, ok := namedWords[o.Name]; ok {
		return words
	}
	var words []string
	for word := range strings.SplitSeq(o.Arg, "|") {
		if regexp.MustCompile(`^[a-z][a-z0-9-]*$`).MatchString(word) {
			words = append(words, word)
		}
	}
	return words
}

// brief is the beginning of its help, as far as it stands alone.
func brief(o option.Option) string {
	at := len(o.Help)
	for _, end := range []string{"; ", ": ", " ("} {
		if i := strings.Index(o.Help, end); i > 0 {
			at = min(at, i)
		}
	}
	return o.Help[:at]
}

func takesFile(o option.Option) bool {
	parts := strings.Split(o.Arg, "|")
	return slices.Contains(parts, "FILE") || slices.Contains(parts, "DIR")
}

func formNames() (names []string) {
	for _, f := range option.Forms {
		names = append(names, string(f))
	}
	return names
}

// optionsOf are the options of a form as they are typed.
func optionsOf(f option.Form) (typed []string) {
	for _, o := range option.Table {
		if strings.Contains(o.Forms, option.FormLetters[f]) {
			typed = append(typed, "--"+o.Name)
			if o.Short != "" {
				typed = append(typed, "-"+o.Short)
			}
		}
	}
	return typed
}

const completionsHead = "# Completions of tlsify for %s. make docs writes them from the program's tables.\n"

func bashCompletions() string {
	var b strings.Builder
	fmt.Fprintf(&b, completionsHead, "bash")
	b.WriteString(`
# The names of files are lines: a blank in one ends no word.
_tlsify_files() {
    local IFS=$'\n'
    COMPREPLY+=($(compgen -f -- "$1"))
}

_tlsify() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} form=connect i
    COMPREPLY=()
    # A word with = in it comes in three.
    if [ "$cur" = = ]; then cur=; elif [ "$prev" = = ]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        [ "${COMP_WORDS[i]}" = -- ] && { _command_offset $((i + 1)) 2>/dev/null; return; }
    done
`)
	fmt.Fprintf(&b, "    case ${COMP_WORDS[1]} in %s) [ \"$COMP_CWORD\" -gt 1 ] && form=${COMP_WORDS[1]} ;; esac\n", strings.Join(formNames(), "|"))
	b.WriteString("    case $prev in\n")
	var files []string
	for _, o := range option.Table {
		switch words := strings.Join(wordsOf(o), " "); {
		case o.Arg == "":
		case words != "" && takesFile(o):
			fmt.Fprintf(&b, "    --%s) COMPREPLY=($(compgen -W '%s' -- \"$cur\")); _tlsify_files \"$cur\"; return ;;\n", o.Name, words)
		case words != "":
			fmt.Fprintf(&b, "    --%s) COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return ;;\n", o.Name, words)
		case takesFile(o):
			files = append(files, "--"+o.Name)
		default:
			fmt.Fprintf(&b, "    --%s) return ;;\n", o.Name)
		}
	}
	fmt.Fprintf(&b, "    %s) _tlsify_files \"$cur\"; return ;;\n    esac\n", strings.Join(files, "|"))
	b.WriteString("    case $form in\n")
	for _, f := range option.Forms {
		words := strings.Join(optionsOf(f), " ")
		if f == option.Help {
			words += " " + strings.Join(topics(), " ")
		}
		fmt.Fprintf(&b, "    %s) COMPREPLY=($(compgen -W '%s' -- \"$cur\")) ;;\n", f, words)
	}
	fmt.Fprintf(&b, "    esac\n    [ \"$COMP_CWORD\" -gt 1 ] || [[ $cur = -* ]] || COMPREPLY=($(compgen -W '%s' -- \"$cur\"))\n}\n", strings.Join(formNames(), " "))
	b.WriteString("complete -F _tlsify -o filenames tlsify\n")
	return b.String()
}

func zshCompletions() string {
	var b strings.Builder
	b.WriteString("#compdef tlsify\n")
	fmt.Fprintf(&b, completionsHead, "zsh")
	b.WriteString("\nlocal form=connect\nlocal -a common\n")
	fmt.Fprintf(&b, "if (( CURRENT > 2 )) && [[ $words[2] == (%s) ]]; then\n    form=$words[2]\n    words=(\"${words[1]}\" \"${(@)words[3,-1]}\")\n    (( CURRENT-- ))\nelif (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then\n    compadd -- %s\n    return\nfi\n",
		strings.Join(formNames(), "|"), strings.Join(formNames(), " "))
	b.WriteString("case $form in\n")
	for _, f := range option.Forms {
		if f == option.Help {
			fmt.Fprintf(&b, "%s)\n    compadd -- %s\n    ;;\n", f, strings.Join(topics(), " "))
			continue
		}
		fmt.Fprintf(&b, "%s)\n    _arguments -S", f)
		for _, o := range option.Table {
			if strings.Contains(o.Forms, option.FormLetters[f]) {
				fmt.Fprintf(&b, " \\\n        %s", zshOption(o))
			}
		}
		b.WriteString("\n    ;;\n")
	}
	b.WriteString("esac\n")
	return b.String()
}

// zshOption is an option as _arguments has it.
func zshOption(o option.Option) string {
	quoted := func(s string) string {
		return strings.NewReplacer("'", `'\''`, "[", `\[`, "]", `\]`, ":", `\:`).Replace(s)
	}
	spec := "--" + o.Name
	action := ""
	if o.Arg != "" {
		action = ":" + quoted(o.Arg) + ":"
		switch words := wordsOf(o); {
		case takesFile(o) && len(words) > 0:
			action += "{compadd -- " + strings.Join(words, " ") + "; _files}"
		case takesFile(o):
			action += "_files"
		case len(words) > 0:
			action += "(" + strings.Join(words, " ") + ")"
		default:
			action += " "
		}
		spec += "="
	}
	if o.Repeats {
		spec = "*" + spec
	}
	return fmt.Sprintf("'%s[%s]%s'", spec, quoted(brief(o)), action)
}

func fishCompletions() string {
	var b strings.Builder
	fmt.Fprintf(&b, completionsHead, "fish")
	fmt.Fprintf(&b, "\nset -l forms %s\n", strings.Join(formNames(), " "))
	b.WriteString(`
# Behind -- there is another program, with completions of its own.
function __tlsify_at_prog
    contains -- -- (commandline -opc)
end
function __tlsify_prog
    set -l words (commandline -opc) (commandline -ct)
    set -l at (contains -i -- -- $words)
    set -l rest (math $at + 1)
    complete -C "$words[$rest..-1]"
end

complete -c tlsify -f
complete -c tlsify -n __tlsify_at_prog -x -a '(__tlsify_prog)'
`)
	b.WriteString("complete -c tlsify -n \"not __tlsify_at_prog; and not __fish_seen_subcommand_from $forms\" -a \"$forms\"\n")
	fmt.Fprintf(&b, "complete -c tlsify -n '__fish_seen_subcommand_from help' -a '%s'\n", strings.Join(topics(), " "))
	for _, o := range option.Table {
		var of []string
		for _, f := range option.Forms {
			if strings.Contains(o.Forms, option.FormLetters[f]) {
				of = append(of, string(f))
			}
		}
		condition := "__fish_seen_subcommand_from " + strings.Join(of, " ")
		if slices.Contains(of, string(option.Connect)) {
			condition = "begin; " + condition + "; or not __fish_seen_subcommand_from $forms; end"
		}
		condition = "not __tlsify_at_prog; and " + condition
		fmt.Fprintf(&b, "complete -c tlsify -n \"%s\" -l %s", condition, o.Name)
		if o.Short != "" {
			fmt.Fprintf(&b, " -s %s", o.Short)
		}
		if o.Arg != "" {
			b.WriteString(" -x")
		}
		switch words := strings.Join(wordsOf(o), " "); {
		case takesFile(o):
			fmt.Fprintf(&b, " -a '%s (__fish_complete_path)'", words)
		case words != "":
			fmt.Fprintf(&b, " -a '%s'", words)
		}
		fmt.Fprintf(&b, " -d '%s'\n", strings.ReplaceAll(brief(o), "'", `\'`))
	}
	return b.String()
}

// completed is what a shell makes of a command line that is not finished.
var completed = []struct {
	line  string
	has   string
	lacks string
}{
	{"tlsify acc", "accept", "listen"},
	{"tlsify --tru", "--trust", "--ticket-key"},
	{"tlsify connect --min-security pq", "pq-auth", "tls13"},
	{"tlsify accept --client-au", "--client-auth", "--session"},
	{"tlsify accept --client-auth re", "require", "none"},
	{"tlsify connect --trust sys", "system", "none"},
	{"tlsify help des", "descriptors", "stream"},
	{"tlsify help cert-n", "cert-name", "cert-weak"},
	{"tlsify connect --starttls sm", "smtp", "imap"},
	{"tlsify connect --pump k", "ktls", "record"},
	{"tlsify connect --handoff so", "socketpair", "ktls"},
	{"tlsify connect --groups X25519ML", "X25519MLKEM768", "x25519"},
	{"tlsify connect --fingerprint chr", "chrome", "firefox"},
	{"tlsify listen --ke", "--key", "--cert"},
}

// Each shell completes them so. fish before 3.4, as Ubuntu 22.04 and Debian 11 have it, read
// no $(...) and no [N..] between quotes, and completed nothing.
func TestCompletionsInShells(t *testing.T) {
	for _, later := range []string{"$(", "..]"} {
		if strings.Contains(fishCompletions(), later) {
			t.Errorf("fish 3.1 does not read %s", later)
		}
	}
	shells := map[string]func(line string) *exec.Cmd{
		"bash": func(line string) *exec.Cmd {
			return exec.Command("bash", "--norc", "-c", `. ../../doc/completions/tlsify
				read -ra COMP_WORDS <<<"$1"; COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _tlsify; printf '%s\n' "${COMPREPLY[@]}"`, "bash", line)
		},
		"fish": func(string) *exec.Cmd {
			return exec.Command("fish", "-c", fishComplete)
		},
		"zsh": func(line string) *exec.Cmd {
			return exec.Command("zsh", "-f", "-c", zshComplete, "zsh", line)
		},
	}
	for shell, command := range shells {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(shell); err != nil {
				t.Skip("needs " + shell)
			}
			for _, c := range completed {
				cmd := command(c.line)
				end := time.AfterFunc(patience, func() { cmd.Process.Kill() })
				defer end.Stop()
				cmd.Env = append(unconfigured(t), "LINE="+c.line)
				out, err := cmd.CombinedOutput()
				var words []string // fish has a description behind each
				for line := range strings.Lines(string(out)) {
					word, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
					words = append(words, word)
				}
				if err != nil || !slices.Contains(words, c.has) || slices.Contains(words, c.lacks) {
					t.Errorf("%q: %v, %q has no %s, or has %s", c.line, err, out, c.has, c.lacks)
				}
			}
		})
	}
}

// A file with a blank in its name was two words to bash.
func TestCompletionsOfFiles(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("needs bash")
	}
	file := t.TempDir() + "/my key.pem"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, option := range []string{"--key", "--trust"} {
		out, err := exec.Command("bash", "--norc", "-c", `. ../../doc/completions/tlsify
			COMP_WORDS=(tlsify "$1" "${2% *}") COMP_CWORD=2; _tlsify; printf '%s\n' "${COMPREPLY[@]}"`, "bash", option, file).CombinedOutput()
		if err != nil || string(out) != file+"\n" {
			t.Errorf("%s: %v, %q, and not %s", option, err, out, file)
		}
	}
}

// unconfigured is an environment in which a shell finds nothing of the user's: fish 3.1
// has no option for that.
func unconfigured(t *testing.T) []string {
	home := t.TempDir()
	return append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_DATA_HOME="+home, "TERM=dumb")
}

// fishComplete has fish complete $LINE: 3.1 gives a command no arguments.
const fishComplete = `source ../../doc/completions/tlsify.fish; complete -C "$LINE"`

// Behind -- fish completes another program's words, and none of ours.
func TestCompletionsOfProg(t *testing.T) {
	if _, err := exec.LookPath("fish"); err != nil {
		t.Skip("needs fish")
	}
	for line, want := range map[string]string{"tlsify localhost:1 -- tru": "true", "tlsify listen localhost:1 -- cat /et": "/etc/"} {
		cmd := exec.Command("fish", "-c", fishComplete)
		cmd.Env = append(unconfigured(t), "LINE="+line)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) || strings.Contains(string(out), "--trust") {
			t.Errorf("%q: %v, %q has no %s", line, err, out, want)
		}
	}
}

// zshComplete has a zsh in a terminal of its own complete a line, and prints
// what it was offered, a word a line.
const zshComplete = `
zmodload zsh/zpty
export OFFERS=$(mktemp) FPATH=$PWD/../../doc/completions:$FPATH
zpty z zsh -f -i
zpty -w z 'autoload -Uz compinit; compinit -D -u; PS1= PS2='
zpty -w z 'compadd() { typeset -a offered; builtin compadd -A offered "$@"; print -rl -- $offered >>$OFFERS; builtin compadd "$@" }'
zpty -w z 'comppostfuncs=(exit); bindkey "^I" complete-word; print -r -- set""up'
while zpty -r z line && [[ $line != *setup* ]]; do :; done
zpty -w -n z "$1"$'\t'
while zpty -r z line; do :; done
cat $OFFERS; rm -f $OFFERS
`
