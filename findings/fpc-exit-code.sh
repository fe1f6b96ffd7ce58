#!/usr/bin/env bash
# Software: Free Pascal 3.2.2 (Debian 12's fp-compiler-3.2.2, fp-units-rtl-3.2.2,
# fp-units-base-3.2.2 and fp-units-fcl-3.2.2, 3.2.2+dfsg-20, for amd64; needs apt-get, dpkg and
# GNU's ld), its TProcess, and any child that ends with a status other than 0, here sh.
#
# Behaviour: TProcess has the status of its child in two properties, and which of them is right
# depends on how the program has waited. Behind WaitOnExit, or with the option poWaitOnExit,
# ExitStatus is the child's status and ExitCode is 0, whatever the child said. Behind a loop over
# Running, or WaitOnExit with a time limit, ExitCode is the child's status and ExitStatus is what
# waitpid() gave, 256 times as much. So a program that waits, and looks whether ExitCode is 0, takes
# every failure of its child for success. The documentation says that ExitCode is the actual exit
# code, and that the two may differ where the child was ended by a signal.
#
# Output seen on 2026-11-30:
#   Free Pascal 3.2.2, of a child that ends with 5: WaitOnExit ExitStatus 5 ExitCode 0, poWaitOnExit ExitStatus 5 ExitCode 0, Running ExitStatus 1280 ExitCode 5, WaitOnExit(5000) ExitStatus 1280 ExitCode 5
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
for package in fp-compiler fp-units-rtl fp-units-base fp-units-fcl; do
	apt-get -o APT::Sandbox::User=root download -q "$package-3.2.2=3.2.2+dfsg-20" >/dev/null
done
for package in *.deb; do dpkg -x "$package" debian; done
cat >main.pas <<'END_PAS'
program main;
{$mode objfpc}{$H+}
uses
  sysutils, process;

function child(options: TProcessOptions): TProcess;
begin
  Result := TProcess.Create(nil);
  Result.Executable := '/bin/sh';
  Result.Parameters.Add('-c');
  Result.Parameters.Add('exit 5');
  Result.Options := options;
  Result.Execute;
end;

procedure tell(how: string; p: TProcess);
begin
  write(how, ' ExitStatus ', p.ExitStatus, ' ExitCode ', p.ExitCode);
end;

var
  p: TProcess;
begin
  p := child([]);
  p.WaitOnExit;
  tell('WaitOnExit', p);
  tell(', poWaitOnExit', child([poWaitOnExit]));
  p := child([]);
  while p.Running do
    sleep(20);
  tell(', Running', p);
  p := child([]);
  p.WaitOnExit(5000);
  tell(', WaitOnExit(5000)', p);
  writeln;
end.
END_PAS
units=$(echo debian/usr/lib/*/fpc/3.2.2/units/*-linux)
debian/usr/bin/ppcx64-3.2.2 -n -v0 "-Fu$units/*" main.pas >/dev/null
seen=$(timeout 60 ./main)
echo "Free Pascal 3.2.2, of a child that ends with 5: $seen"
[ "$seen" = "WaitOnExit ExitStatus 5 ExitCode 0, poWaitOnExit ExitStatus 5 ExitCode 0, Running ExitStatus 1280 ExitCode 5, WaitOnExit(5000) ExitStatus 1280 ExitCode 5" ]
