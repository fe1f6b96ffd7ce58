#!/usr/bin/env node
// client.mjs HOST:PORT [OPTION...]: what a program does with tlsify, in Node.js.
// It asks an HTTP server for a page, prints the answer, and says what went wrong.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

const [address, ...options] = process.argv.slice(2);

// The plaintext is on 0 and 1, the control channel on 3.
const child = spawn(process.env.TLSIFY || "tlsify", ["connect", "--control-fd", "3", ...options, address], {
  stdio: ["pipe", "pipe", "ignore", "pipe"],
});
child.on("error", (e) => {
  console.error(e.message);
  process.exit(127);
});

// A space is %20 there, and % is %25; what a terminal would obey stays %XX.
const show = (text) => console.error(text.replace(/%20/g, " ").replace(/%25/g, "%"));

const facts = {};
let status; // what `end` says
createInterface({ input: child.stdio[3] }).on("line", (line) => {
  const [, keyword, value] = line.match(/^(\S+) ?(.*)$/);
  facts[keyword] = value;
  switch (keyword) {
    case "error": {
      const [, code, text] = value.match(/^(\S+) (.*)$/);
      show(`${"ready" in facts ? "it did not end well" : "not connected"}: ${text} (${code})`);
      break;
    }
    // Before `ready` there is nothing to say to anyone; a bad certificate never gets there.
    case "ready":
      show(`connected: ${facts.protocol}, ${facts.verified}`);
      child.stdin.write("GET / HTTP/1.0\r\n\r\n");
      child.stdout.pipe(process.stdout);
      // The end of what we say: before the answer many servers take it for our leaving.
      child.stdout.on("end", () => child.stdin.end());
      break;
    case "end":
      status = Number(value);
  }
}).on("close", () => {
  if (status === undefined) {
    console.error("tlsify died");
    status = 2;
  }
  process.exitCode = status;
});
child.stdin.on("error", () => {}); // told on the control channel
