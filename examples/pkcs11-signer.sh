#!/bin/sh
# A signer (--key signer:COMMAND) whose key is in a PKCS#11 token, a smart card or
# an HSM, and never leaves it. pkcs11-tool of OpenSC does the work:
#
#   export PKCS11_MODULE=/usr/lib/softhsm/libsofthsm2.so PKCS11_ID=01 PKCS11_PIN=...
#   tlsify listen --cert chain.pem --key 'signer:exec sh pkcs11-signer.sh' :8443 -- PROG
#
# PKCS11_TOKEN is the token's label, where there are several. The PIN stands in the
# environment, which only the same user and root can read, and in no arguments.
#
# A request is the SHA-256 of the key that is wanted, a TLS SignatureScheme and the
# message; doc/contract.md, section 11.
set -u
: "${PKCS11_MODULE:?}" "${PKCS11_ID:?}" "${PKCS11_PIN:?}"
export PKCS11_PIN
dir=$(mktemp -d) || exit
trap 'rm -rf "$dir"' EXIT

token() {
    pkcs11-tool --module "$PKCS11_MODULE" ${PKCS11_TOKEN:+--token-label "$PKCS11_TOKEN"} "$@" 2>>"$dir/said" >&2
}
take() { dd bs=1 count="$1" 2>/dev/null; } # and not one byte more
numbers() { od -An -v "-t$1" | tr -s '\n ' ' '; }
hash_of() { token --hash --mechanism "$1" --input-file "$dir/message" --output-file "$dir/hash"; }
sign() { token --login --pin env:PKCS11_PIN --sign --id "$PKCS11_ID" --output-file "$dir/signature" "$@"; }

# answer FILE: its length and its bytes; without one the request is refused.
answer() {
    n=0
    [ ! -f "$1" ] || n=$(wc -c <"$1")
    # shellcheck disable=SC2059
    printf "\\0\\0\\$(printf %03o $((n / 256)))\\$(printf %03o $((n % 256)))"
    [ "$n" = 0 ] || cat "$1"
}

token --read-object --type pubkey --id "$PKCS11_ID" --output-file "$dir/public" || {
    echo "pkcs11-signer: no public key $PKCS11_ID: $(tail -n 1 "$dir/said")" >&2
    exit 1
}
ours=$(sha256sum <"$dir/public" | cut -c 1-64)

while :; do
    # shellcheck disable=SC2046
    set -- $(take 4 | numbers u1)
    [ $# = 4 ] || exit 0 # there are no more
    length=$((($1 * 256 + $2) * 65536 + $3 * 256 + $4))
    [ $length -ge 32 ] && [ $length -le 4096 ] || exit 1
    wanted=$(take 32 | numbers x1 | tr -d ' ')
    rm -f "$dir/signature"
    if [ $length -gt 34 ]; then
        scheme=$(take 2 | numbers x1 | tr -d ' ')
        take $((length - 34)) >"$dir/message"
    else
        take $((length - 32)) >"$dir/rest"
        scheme=
    fi
    if [ "$wanted" != "$ours" ]; then
        answer /dev/null/none
        continue
    fi
    case $scheme in
    '') echo here >"$dir/signature" ;;
    0403) hash_of SHA256 && sign --mechanism ECDSA --signature-format sequence --input-file "$dir/hash" ;;
    0503) hash_of SHA384 && sign --mechanism ECDSA --signature-format sequence --input-file "$dir/hash" ;;
    0603) hash_of SHA512 && sign --mechanism ECDSA --signature-format sequence --input-file "$dir/hash" ;;
    0401) sign --mechanism SHA256-RSA-PKCS --input-file "$dir/message" ;;
    0501) sign --mechanism SHA384-RSA-PKCS --input-file "$dir/message" ;;
    0601) sign --mechanism SHA512-RSA-PKCS --input-file "$dir/message" ;;
    0804) sign --mechanism SHA256-RSA-PKCS-PSS --mgf MGF1-SHA256 --salt-len 32 --input-file "$dir/message" ;;
    0805) sign --mechanism SHA384-RSA-PKCS-PSS --mgf MGF1-SHA384 --salt-len 48 --input-file "$dir/message" ;;
    0806) sign --mechanism SHA512-RSA-PKCS-PSS --mgf MGF1-SHA512 --salt-len 64 --input-file "$dir/message" ;;
    esac || {
        rm -f "$dir/signature"
        echo "pkcs11-signer: $(tail -n 1 "$dir/said")" >&2
    }
    answer "$dir/signature"
done
