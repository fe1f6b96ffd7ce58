# Completions of tlsify for fish. make docs writes them from the program's tables.

set -l forms connect accept listen inspect engines fingerprint version help

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
complete -c tlsify -n "not __tlsify_at_prog; and not __fish_seen_subcommand_from $forms" -a "$forms"
complete -c tlsify -n '__fish_seen_subcommand_from help' -a 'connect accept listen inspect control status engines trust identity session descriptors stream sandbox fingerprint usage engine-unsupported handoff-unavailable sandbox-unavailable internal resolve proxy starttls connect-timeout handshake-timeout timeout network-io tls-alert tls-protocol tls-version no-common-group security-level renegotiation client-cert ech-rejected signer cert-untrusted cert-self-signed cert-expired cert-not-yet-valid cert-name cert-purpose cert-weak cert-constraint cert-revoked cert-malformed psk pin-mismatch staple truncated idle-timeout local-io'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect inspect; or not __fish_seen_subcommand_from $forms; end" -l name -x -d 'accept a certificate for NAME'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect inspect; or not __fish_seen_subcommand_from $forms; end" -l sni -x -a 'none' -d 'the server name to send, instead of HOST or the first DNS --name'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect inspect; or not __fish_seen_subcommand_from $forms; end" -l trust -x -a 'system none (__fish_complete_path)' -d 'what to trust'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect accept listen inspect; or not __fish_seen_subcommand_from $forms; end" -l pin -x -a ' (__fish_complete_path)' -d 'the peer\'s leaf must match'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect inspect; or not __fish_seen_subcommand_from $forms; end" -l tlsa -x -d 'a TLSA record, \'U S M HEX\', that the caller has validated'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect accept listen inspect; or not __fish_seen_subcommand_from $forms; end" -l crl -x -a ' (__fish_complete_path)' -d 'revocation lists, PEM or DER'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect inspect; or not __fish_seen_subcommand_from $forms; end" -l staple -x -a 'off check require' -d 'stapled OCSP responses'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect accept listen inspect; or not __fish_seen_subcommand_from $forms; end" -l mtc-cosigners -x -d 'of a Merkle Tree CA that is trusted, N of the cosigners in FILE must have signed what its log has, beside itself'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect accept listen inspect; or not __fish_seen_subcommand_from $forms; end" -l mtc-landmarks -x -a ' (__fish_complete_path)' -d 'landmarks of a trusted Merkle Tree CA\'s log, for certificates that are relative to one of them'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect accept listen inspect; or not __fish_seen_subcommand_from $forms; end" -l min-security -x -a 'standard tls13 pq pq-auth cnsa2 bsi fips202205 wpa202304' -d 'the least to accept'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect inspect; or not __fish_seen_subcommand_from $forms; end" -l send-ca-names -d 'tell the server whom --trust has, by name'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect accept listen; or not __fish_seen_subcommand_from $forms; end" -l psk -x -a ' (__fish_complete_path)' -d 'know the peer by a pre-shared key'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect; or not __fish_seen_subcommand_from $forms; end" -l ask -d 'put a failed verification to the caller on the control channel, who answers trust PIN or anything else for no'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect; or not __fish_seen_subcommand_from $forms; end" -l opportunistic -d 'go on unverified and say so on the control channel'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect accept listen inspect; or not __fish_seen_subcommand_from $forms; end" -l cert -x -a ' (__fish_complete_path)' -d 'our certificate chain, PEM, leaf first'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect accept listen inspect; or not __fish_seen_subcommand_from $forms; end" -l key -x -a ' (__fish_complete_path)' -d 'the private key of the --cert before or behind it, PEM'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect accept listen; or not __fish_seen_subcommand_from $forms; end" -l raw-public-key -d 'show a key in place of a certificate, and take nothing else of the peer'
complete -c tlsify -n "not __tlsify_at_prog; and __fish_seen_subcommand_from accept listen" -l staple-file -x -a ' (__fish_complete_path)' -d 'the OCSP response, DER, to staple to the --cert at the same place'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect inspect; or not __fish_seen_subcommand_from $forms; end" -l client-cert-in-clear -d 'send the client certificate under TLS 1.2 too, where everyone on the way can read it'
complete -c tlsify -n "not __tlsify_at_prog; and __fish_seen_subcommand_from accept listen" -l client-auth -x -a 'none request require' -d 'whether to ask clients for a certificate'
complete -c tlsify -n "not __tlsify_at_prog; and __fish_seen_subcommand_from accept listen" -l client-trust -x -a 'none (__fish_complete_path)' -d 'the roots of client certificates, PEM'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect accept listen inspect; or not __fish_seen_subcommand_from $forms; end" -l engine -x -a 'std utls pq' -d 'the TLS engine'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect inspect; or not __fish_seen_subcommand_from $forms; end" -l fingerprint -x -a 'chrome firefox safari ios edge random (__fish_complete_path)' -d 'send the ClientHello of another program'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect accept listen inspect; or not __fish_seen_subcommand_from $forms; end" -l groups -x -a 'X25519MLKEM768 SecP256r1MLKEM768 SecP384r1MLKEM1024 x25519 secp256r1 secp384r1 MLKEM768 MLKEM1024 MLKEM512 X-Wing' -d 'the key exchange groups to offer, comma-separated, best first'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect accept listen inspect; or not __fish_seen_subcommand_from $forms; end" -l signatures -x -d 'the signature algorithms to offer, to accept in handshakes and chains, and to sign with, comma-separated, best first'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect accept listen inspect; or not __fish_seen_subcommand_from $forms; end" -l alpn -x -d 'the application protocols to offer'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect inspect; or not __fish_seen_subcommand_from $forms; end" -l session -x -a ' (__fish_complete_path)' -d 'resume the session in FILE, and keep the next there'
complete -c tlsify -n "not __tlsify_at_prog; and __fish_seen_subcommand_from accept listen" -l ticket-key -x -a ' (__fish_complete_path)' -d 'let clients resume'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect inspect; or not __fish_seen_subcommand_from $forms; end" -l ech -x -a 'grease (__fish_complete_path)' -d 'encrypt the ClientHello with this ECHConfigList, binary, base64 or PEM'
complete -c tlsify -n "not __tlsify_at_prog; and __fish_seen_subcommand_from accept listen" -l ech-key -x -a ' (__fish_complete_path)' -d 'open Encrypted Client Hellos with the private keys in FILE, each with its ECHConfigList behind it, the newest first, as tlsify-ech makes them'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect accept listen; or not __fish_seen_subcommand_from $forms; end" -l binding -x -a 'tls-exporter tls-server-end-point' -d 'report a channel binding'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect accept listen inspect; or not __fish_seen_subcommand_from $forms; end" -l keylog -x -a ' (__fish_complete_path)' -d 'append the connection\'s secrets to FILE, for a capture\'s reader'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect accept inspect; or not __fish_seen_subcommand_from $forms; end" -l net-fd -x -d 'the network is descriptor N'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect accept listen; or not __fish_seen_subcommand_from $forms; end" -l control-fd -x -d 'the control channel'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect accept listen inspect; or not __fish_seen_subcommand_from $forms; end" -l options-fd -x -d 'read more options from N, `name value` a line, until an empty line or end of file, within 10s'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect accept; or not __fish_seen_subcommand_from $forms; end" -l handoff -x -a 'socketpair ktls auto' -d 'hand a descriptor with the plaintext over on the control channel, a unix socket, with the line `handoff KIND`, in place of 0 and 1'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect accept listen; or not __fish_seen_subcommand_from $forms; end" -l prog-fds -x -d 'the descriptors on which PROG has the plaintext'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect accept listen inspect; or not __fish_seen_subcommand_from $forms; end" -l timeout -x -d 'how long all of it may take, from the look-up to the end of the stream'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect inspect; or not __fish_seen_subcommand_from $forms; end" -l connect-timeout -x -d 'how long name look-up and connection may take'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect accept listen inspect; or not __fish_seen_subcommand_from $forms; end" -l handshake-timeout -x -d 'how long the handshake may take'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect accept listen; or not __fish_seen_subcommand_from $forms; end" -l idle-timeout -x -d 'end the stream when nothing has moved for so long'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect accept listen; or not __fish_seen_subcommand_from $forms; end" -l linger -x -d 'how long the last bytes may take to reach the peer when nothing else is left'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect accept listen; or not __fish_seen_subcommand_from $forms; end" -l eof -x -a 'auto half-close hold' -d 'when the peer is told of your end of file'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect accept listen; or not __fish_seen_subcommand_from $forms; end" -l eof-wait -x -d 'how long nothing may come from the peer until --eof auto tells it after all'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect accept listen; or not __fish_seen_subcommand_from $forms; end" -l tolerate-truncation -d 'status 0 for a stream that ended without close_notify'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect accept listen; or not __fish_seen_subcommand_from $forms; end" -l pump -x -a 'auto ktls record session' -d 'what carries the bytes'
complete -c tlsify -n "not __tlsify_at_prog; and __fish_seen_subcommand_from listen" -l max-connections -x -d 'how many connections may stand at a time, each a process, and as many besides that wait for their first message'
complete -c tlsify -n "not __tlsify_at_prog; and __fish_seen_subcommand_from listen" -l max-per-address -x -d 'how many of all of them one IPv4 address, or one IPv6 /64 network, may have'
complete -c tlsify -n "not __tlsify_at_prog; and __fish_seen_subcommand_from listen" -l max-handshakes -x -d 'how many may be in their handshake'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect inspect; or not __fish_seen_subcommand_from $forms; end" -l proxy -x -d 'dial through http:// or https://'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect inspect; or not __fish_seen_subcommand_from $forms; end" -l starttls -x -a 'smtp lmtp imap pop3 ftp xmpp xmpp-server irc ldap nntp sieve postgres mysql' -d 'ask the server in the clear to go on with TLS, first, within --handshake-timeout'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect inspect; or not __fish_seen_subcommand_from $forms; end" -l starttls-name -x -d 'who we are to --starttls smtp and lmtp, instead of the socket\'s own address'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect inspect; or not __fish_seen_subcommand_from $forms; end" -l tcp-fastopen -d 'send the first bytes with the SYN'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect inspect; or not __fish_seen_subcommand_from $forms; end" -l ipv4 -s 4 -d 'dial IPv4 addresses only'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect inspect; or not __fish_seen_subcommand_from $forms; end" -l ipv6 -s 6 -d 'dial IPv6 addresses only'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect accept listen inspect; or not __fish_seen_subcommand_from $forms; end" -l sandbox -x -a 'auto require off' -d 'give up, once connected, what a carrier of bytes has no use for'
complete -c tlsify -n "not __tlsify_at_prog; and __fish_seen_subcommand_from listen" -l user -x -d 'become this user, and this group or the user\'s own, once the sockets are open and the keys are with the signing process'
complete -c tlsify -n "not __tlsify_at_prog; and __fish_seen_subcommand_from inspect fingerprint" -l json -d 'print JSON, an object on a line'
complete -c tlsify -n "not __tlsify_at_prog; and __fish_seen_subcommand_from inspect" -l pem -d 'print the certificates as they were sent, PEM'
complete -c tlsify -n "not __tlsify_at_prog; and __fish_seen_subcommand_from fingerprint" -l listen -x -d 'take the ClientHello of the first client that connects to ADDR, as 127.0.0.1:0, instead of a capture'
complete -c tlsify -n "not __tlsify_at_prog; and __fish_seen_subcommand_from fingerprint" -l save -x -a ' (__fish_complete_path)' -d 'keep what --listen heard, for --fingerprint, in a FILE that is not there yet'
complete -c tlsify -n "not __tlsify_at_prog; and __fish_seen_subcommand_from fingerprint" -l compare -x -a ' (__fish_complete_path)' -d 'say how two ClientHellos differ, extension by extension'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect accept listen inspect engines; or not __fish_seen_subcommand_from $forms; end" -l verbose -s v -d 'say more on descriptor 2'
complete -c tlsify -n "not __tlsify_at_prog; and begin; __fish_seen_subcommand_from connect accept listen inspect engines fingerprint version help; or not __fish_seen_subcommand_from $forms; end" -l help -s h -d 'this help'
