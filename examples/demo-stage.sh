# demo-stage.sh: what the demonstrations share; they read it in. It makes a
# directory, $dir; everything that is started and made is gone at the end.
dir=$(mktemp -d) listener=
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

serve() { # OPTION...: start a listener, and set $address; what it says of failures goes to $dir/log
    : >"$dir/listen"
    "$TLSIFY" listen --control-fd 1 "$@" 127.0.0.1:0 -- sh examples/serve.sh >"$dir/listen" 2>"$dir/log" &
    listener=$! address=
    for try in 1 2 3 4 5 6 7 8 9 10; do
        while read -r keyword value; do
            [ "$keyword" != listening ] || address=$value
        done <"$dir/listen"
        [ -z "$address" ] || break
        sleep 0.2 2>/dev/null || sleep 1
    done
    echo "listening on $address"
}
