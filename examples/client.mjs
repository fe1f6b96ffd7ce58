#!/usr/bin/env node
// client.mjs HOST:PORT [OPTION...]: what a program does with tlsify, in Node.js.
// It sends a line, ends its half, prints the answer, and says what went wrong.
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

const facts = {};
let status; // what `end` says
createInterface({ input: child.stdio[3] }).on("line", (line) => {
  const [, keyword, value] = line.match(/^(\S+) ?(.*)$/);
  facts[keyword] = value;
  switch (keyword) {
    case "error": {
      const [, code, text] = value.match(/^(\S+) (.*)$/);
      console.error(`${"ready" in facts ? "it did not end well" : "not connected"}: ${text} (${code})`);
      break;
    }
    // Before `ready` there is nothing to say to anyone; a bad certificate never gets there.
    case "ready":
      console.error(`connected: ${facts.protocol}, ${facts.verified}`);
      child.stdin.end("hello from Node.js\n"); // the end of what we say: the server can still answer
      child.stdout.pipe(process.stdout);
      break;
    case "end":
      status = Number(value);
  }
}).on("close", () => {
  if (status === undefined) console.error("tlsify died");
  process.exitCode = status ?? 2;
});
child.stdin.on("error", () => {}); // told on the control channel
