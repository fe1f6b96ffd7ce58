//! client HOST:PORT [OPTION...]: what a program does with tlsify, in Rust, with
//! the standard library alone. It asks an HTTP server for a page, prints the
//! answer, and says what went wrong.
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::{io::OwnedFd, net::UnixStream};
use std::process::{exit, Command, Stdio};

/// Prints it. A space is %20, and % is %25; what a terminal would obey stays %XX.
fn show(text: String) {
    eprintln!("{}", text.replace("%20", " ").replace("%25", "%"));
}

/// Reads the control channel up to `ready`, or to its end with the status.
fn hear(control: &mut impl BufRead, what: &str, facts: &mut HashMap<String, String>) -> Option<i32> {
    for line in control.lines().map_while(Result::ok) {
        let (keyword, value) = line.split_once(' ').unwrap_or((&line, ""));
        match keyword {
            "ready" => return None,
            "end" => return value.parse().ok(),
            "error" => {
                let (code, text) = value.split_once(' ').unwrap_or((value, ""));
                show(format!("{what}: {text} ({code})"));
            }
            _ => {}
        }
        facts.insert(keyword.into(), value.into());
    }
    eprintln!("tlsify died");
    Some(2)
}

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (address, options) = args.split_first().expect("client HOST:PORT [OPTION...]");

    // The plaintext is one socket; the control channel is on 2, because std
    // can give a child no other descriptor without unsafe code.
    let (mut plain, theirs) = UnixStream::pair()?;
    let mut tlsify = Command::new(std::env::var("TLSIFY").unwrap_or("tlsify".into()));
    tlsify.args(["connect", "--control-fd", "2"]).args(options).arg(address);
    tlsify.stdin(OwnedFd::from(theirs.try_clone()?)).stdout(OwnedFd::from(theirs)).stderr(Stdio::piped());
    let mut child = tlsify.spawn()?;
    drop(tlsify); // and with it our copies of the child's end
    let mut control = BufReader::new(child.stderr.take().unwrap());

    // Before `ready` there is nothing to say to anyone; a bad certificate never gets there.
    let mut facts = HashMap::new();
    if let Some(status) = hear(&mut control, "not connected", &mut facts) {
        exit(status);
    }
    show(format!("connected: {}, {}", facts["protocol"], facts["verified"]));

    let _ = plain.write_all(b"GET / HTTP/1.0\r\n\r\n"); // if it fails the control channel tells how
    io::copy(&mut plain, &mut io::stdout())?;
    drop(plain); // the end of what we say: before the answer many servers take it for our leaving

    exit(hear(&mut control, "it did not end well", &mut facts).unwrap_or(2))
}
