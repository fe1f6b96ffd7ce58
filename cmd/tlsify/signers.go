package main

import (
	"context"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/restart"
	"tlsify/cmd/tlsify/internal/signer"
	"tlsify/engine"
	"tlsify/stream"
)

// signerTime is how long a signer may take to be there, before there is any
// handshake.
const signerTime = 10 * time.Second

// serverIdentities reads a server's certificates. Their keys are with our own
// signing process, or with a signer that --key names.
func (p *parser) serverIdentities(certs, keys []string) ([]*engine.Identity, error) {
	var own [][2]string
	for i := range keys {
		if _, ok := isSigner(keys[i]); !ok {
			own = append(own, [2]string{certs[i], keys[i]})
		}
	}
	client, chains, err := p.ownSigner(own)
	if err != nil {
		return nil, err
	}
	p.pemChains = map[int][]byte{}
	clients := map[string]*signer.Client{}
	var list []*engine.Identity
	for i := range certs {
		asked := client
		which, ok := isSigner(keys[i])
		if !ok {
			p.pemChains[i], chains = chains[0], chains[1:]
		} else if p.pemChains[i], err = p.files.load("cert", certs[i]); err != nil {
			return nil, err
		} else if asked = clients[which]; asked == nil {
			if asked, err = p.otherSigner(which); err != nil {
				return nil, err
			}
			clients[which] = asked
		}
		id, err := chainOf(certs[i], p.pemChains[i])
		if err != nil {
			return nil, err
		}
		key := asked.Key(id.Leaf.RawSubjectPublicKeyInfo, id.Leaf.PublicKey)
		if _, ready := descriptorOf(which); ok && !ready && p.words.form == formAccept {
			if err := key.Probe(signerTime); err != nil {
				return nil, usagef("--key: %s has no key for %s: %v", cut(keys[i]), cut(certs[i]), err)
			}
		}
		id.Key = key
		list = append(list, id)
	}
	return list, nil
}

// ownSigner starts our own signing process for pairs of --cert and --key, if
// there are any. A listener's accepts each get a connection to it later.
func (p *parser) ownSigner(pairs [][2]string) (*signer.Client, [][]byte, error) {
	if len(pairs) == 0 {
		return nil, nil, nil
	}
	signing, chains, err := p.startSigning(pairs)
	if err != nil {
		return nil, nil, err
	}
	if p.words.form == formListen {
		p.inv.signing = signing
		return signer.NewClient(nil, 0), chains, nil
	}
	n, err := signing.connect()
	signing.finish()
	if err != nil {
		return nil, nil, usagef("--key: the signing process: %v", err)
	}
	client, err := p.askOn(n)
	return client, chains, err
}

// otherSigner opens the stream to a signer that --key names: fd:N, unix:PATH,
// or a command.
func (p *parser) otherSigner(which string) (*signer.Client, error) {
	n, isFD := descriptorOf(which)
	path, isPath := strings.CutPrefix(which, "unix:")
	switch {
	case isFD && p.words.form == formListen:
		return nil, usagef("--key signer:%s: several connections can't share one stream; give signer:unix:PATH", which)
	case isFD:
		if err := p.fds.claim(n, "key", toRead|toWrite); err != nil {
			return nil, err
		}
	case which == "":
		return nil, usagef("--key: signer: needs unix:PATH, fd:N or a command")
	case p.words.form == formListen:
		return signer.NewClient(nil, 0), nil // each accept has its own
	case isPath:
		var err error
		if n, err = dialSigner(path); err != nil {
			return nil, usagef("--key signer:%s: %v", cut(which), err)
		}
	default:
		var err error
		if n, err = startSignerCommand(which, p.fds); err != nil {
			return nil, usagef("--key signer:%s: %v", cut(which), err)
		}
	}
	return p.askOn(n)
}

// askOn makes a client of the stream on a descriptor.
func (p *parser) askOn(n int) (*signer.Client, error) {
	stream, err := stream.NewFD(n)
	if err != nil {
		return nil, usagef("--key: %v", err)
	}
	client := signer.NewClient(stream, p.inv.handshakeLimit)
	p.inv.signers = append(p.inv.signers, client)
	return client, nil
}

// dialSigner connects to a unix socket and gives the descriptor.
func dialSigner(path string) (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), signerTime)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		return -1, err
	}
	defer conn.Close()
	return ownDescriptor(conn.(*net.UnixConn), 3)
}

// startSignerCommand has the shell start a signer, with the stream on its
// descriptors 0 and 1, and gives our end.
func startSignerCommand(command string, fds *descriptors) (int, error) {
	ends, err := newSocketPair()
	if err != nil {
		return -1, os.NewSyscallError("socketpair", err)
	}
	null, err := openNull()
	if err != nil {
		return -1, err
	}
	defer unix.Close(null)
	shell, err := findProgram("sh")
	if err != nil {
		return -1, err
	}
	files := []uintptr{uintptr(ends[1]), uintptr(ends[1]), inheritable(3, fds, null)[2]}
	pid, err := syscall.ForkExec(shell, []string{"sh", "-c", command}, &syscall.ProcAttr{Env: restart.Environ(), Files: files})
	unix.Close(ends[1])
	if err != nil {
		unix.Close(ends[0])
		return -1, err
	}
	go reapChild(pid)
	return ends[0], nil
}

// signerFailure is why a signer has not signed, or nil.
func (inv *invocation) signerFailure() error {
	for _, s := range inv.signers {
		if err := s.Err(); err != nil {
			return &failure{Status: statusHandshake, Code: "signer", Text: "the handshake could not be signed: " + err.Error()}
		}
	}
	return nil
}

// closeSigners ends the streams to the signers: the handshake is over.
func (inv *invocation) closeSigners() {
	for _, s := range inv.signers {
		s.Close()
	}
}
