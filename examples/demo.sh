#!/bin/sh
# demo.sh TLSIFY GO: what `make demo` shows. Everything it starts and makes is
# gone when it ends.
set -eu
export TLSIFY="$1"
go=$2 dir=$(mktemp -d) listener=
clean() {
    [ -z "$listener" ] || kill "$listener" 2>/dev/null || :
    rm -rf "$dir"
}
trap clean EXIT
trap 'exit 1' INT TERM

step() { printf '\n== %s\n' "$*"; }
show() { # a control channel's report, with long certificates cut
    while read -r line; do
        case $line in peer-certificate*) line=$(printf '%.60s...' "$line") ;; esac
        echo "    $line"
    done
}

step "A throw-away CA, and a certificate for localhost"
CGO_ENABLED=0 $go run -buildvcs=false ./engine/internal/mkpki -demo "$dir"
ls "$dir"

step "tlsify listen: one process per connection, each running a shell script"
: >"$dir/listen"
"$TLSIFY" listen --control-fd 1 --cert "$dir/server.pem" --key "$dir/server.key" \
    127.0.0.1:0 -- sh examples/serve.sh >"$dir/listen" 2>"$dir/log" &
listener=$!
address=
for try in 1 2 3 4 5 6 7 8 9 10; do
    while read -r keyword value; do
        [ "$keyword" != listening ] || address=$value
    done <"$dir/listen"
    [ -z "$address" ] || break
    sleep 0.2 2>/dev/null || sleep 1
done
echo "listening on $address"

step "A shell script of ten lines, with no TLS in it, fetches a page through tlsify connect"
sh examples/get.sh "$address" / --trust "$dir/ca.pem" --name localhost \
    --control-fd 3 3>"$dir/report"
echo
echo "The control channel said:"
show <"$dir/report"

step "The same with a wrong name: refused, with the evidence"
if sh examples/get.sh "$address" / --trust "$dir/ca.pem" --name bank.example \
    --control-fd 3 3>"$dir/report"; then
    echo "demo.sh: a wrong name was accepted" >&2
    exit 1
fi
show <"$dir/report"
echo "and the server's side was told so:"
show <"$dir/log"
pin=
while read -r keyword value; do
    [ "$keyword" != peer-pin ] || pin=$value
done <"$dir/report"

step "We know this peer: trust its key, and nothing else (--trust none --pin $pin)"
sh examples/get.sh "$address" /again --trust none --pin "$pin"
step "Done"
