package acquire

import (
	"os"
	"slices"
	"strings"

	"tlsify/cmd/tlsify/internal/invocation"
	"tlsify/cmd/tlsify/internal/option"
	"tlsify/cmd/tlsify/internal/process"
	"tlsify/cmd/tlsify/internal/source"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/stream"
)

// Words takes the arguments apart, mutes the network, opens the control channel
// and reads an options descriptor, so that the words are complete. What it has comes
// back with an error as well.
func Words(args []string, say status.Reporter, engines invocation.Engines) (*option.Words, invocation.Context, error) {
	words, err := option.Split(args)
	in := invocation.Context{Env: environment(), Engines: engines, Claims: &process.Claims{}, Say: say}
	var muteErr error
	if in.Say.Muted, muteErr = mute(words, args, err); muteErr != nil {
		return words, in, muteErr
	}
	channel, controlErr := openControl(words, args, in.Claims)
	in.Say.Control = channel
	if say.Heard {
		channel.ForListener()
	}
	if err == nil {
		err = controlErr
	}
	if value, ok := words.Value("options-fd"); err == nil && ok && !words.Has("help") {
		if mode, _ := words.Value("sandbox"); mode != "off" {
			process.Harden() // lines may be secret; what holds is reported by the sandbox
		}
		err = readOptions(words, value, in.Claims)
		muted, muteErr := mute(words, args, err) // net-fd may stand there
		if in.Say.Muted = in.Say.Muted || muted; err == nil {
			err = muteErr
		}
	}
	for _, n := range network(words) {
		if channel.IsOn(n) {
			in.Say.Control = nil // not a word of it
			return words, in, status.Usagef("--control-fd: it is the same as descriptor %d, which is the network", n)
		}
	}
	return words, in, err
}

// mute keeps everything that is said from now on, of which there may be a lot if
// the command line is faulty, from going out in clear. Where it broke off before
// it was clear which descriptor is the network, any may be. What is said is not to be
// among a peer's bytes either. It tells whether descriptor 2 is not for our lines.
func mute(words *option.Words, args []string, fault error) (muted bool, err error) {
	if fault != nil && (words.Form == option.Accept || slices.ContainsFunc(args, func(arg string) bool {
		return strings.HasPrefix(arg, "--net-fd") || strings.HasPrefix(arg, "--options-fd")
	})) {
		return process.MuteAny()
	}
	numbers := network(words)
	if numbers == nil && words.Has("net-fd") {
		return process.MuteAny() // what is wrong with it will be said in its turn
	}
	if muted, err = process.Mute(numbers); err != nil || words.Form != option.Connect && words.Form != option.Accept {
		return muted, err
	}
	value, _ := controlWord(words, args)
	if out, _, err := process.ParsePair("control-fd", value); err == nil && out == 2 {
		return muted, nil // the caller wants our lines there
	}
	if !process.OneSocket() {
		return muted, nil
	}
	if words.Prog != nil {
		return true, nil // it stays PROG's, and our lines go elsewhere
	}
	too, err := process.Mute([]int{0, 1})
	return muted || too, err
}

// network is the descriptors that the words have for the network, or nil.
func network(words *option.Words) []int {
	value, ok := words.Value("net-fd")
	switch {
	case ok:
	case words.Form == option.Accept:
		value = "0"
	default:
		return nil
	}
	a, b, err := process.ParsePair("net-fd", value)
	switch {
	case err != nil:
		return nil
	case b < 0:
		return []int{a}
	}
	return []int{a, b}
}

// controlWord is the value of --control-fd. Where the command line broke off before
// it was seen, it is looked for behind the fault.
func controlWord(words *option.Words, args []string) (value string, ok bool) {
	value, ok = words.Value("control-fd")
	for i := 0; !ok && i < len(args) && args[i] != "--"; i++ {
		if args[i] == "--control-fd" && i+1 < len(args) {
			value, ok = args[i+1], true
		} else if after, found := strings.CutPrefix(args[i], "--control-fd="); found {
			value, ok = after, true
		}
	}
	return value, ok
}

// openControl opens the control channel. No byte of the plaintext is taken for a command:
// without PROG, and where it is not handed over, that is what 0 and 1 have, and any
// descriptor that is one socket with them.
func openControl(words *option.Words, args []string, claims *process.Claims) (*status.Channel, error) {
	value, ok := controlWord(words, args)
	if !ok {
		return nil, nil
	}
	plaintext := words.Form != option.Listen && words.Prog == nil && !words.Has("handoff")
	outNumber, inNumber, err := process.ParsePair("control-fd", value)
	switch {
	case err != nil:
	case outNumber == 0, outNumber == 1 && words.Form != option.Listen:
		return nil, status.Usagef("--control-fd: descriptor %d is the plaintext's", outNumber)
	case plaintext && (inNumber == 0 || inNumber == 1):
		return nil, status.Usagef("--control-fd: descriptor %d is the plaintext's, of which nothing is a command", inNumber)
	}
	out, in, err := claims.TakePair("control-fd", value, process.ToWrite)
	if err != nil {
		return nil, err
	}
	mixed := plaintext && (stream.SameFile(outNumber, 0) || stream.SameFile(outNumber, 1))
	if in == nil && out.IsSocket() && !mixed {
		in = out
	}
	return status.NewChannel(out, in), nil
}

// readOptions completes the words by those of an options descriptor.
func readOptions(words *option.Words, value string, claims *process.Claims) error {
	lines, err := source.Lines(claims, value)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "control-fd ") }) {
		return status.Usagef("--options-fd: control-fd must be in the arguments")
	}
	return words.AddLines(lines)
}

// environment is the environment's variables by name.
func environment() map[string]string {
	env := map[string]string{}
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		env[name] = value
	}
	return env
}
