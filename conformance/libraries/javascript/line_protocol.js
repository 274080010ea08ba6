// The line protocol of ../README.md: one command a line in, one answer a line out.
"use strict";

const readline = require("node:readline");
const { setTimeout: sleep } = require("node:timers/promises");

const NO_CALL = Symbol("the library has no call for this");
// None of these libraries can be told how to speak: the server chooses among the two dialects that they all offer.
const DIALECTS = new Set(["any", "2.0.2", "2.1"]);
const PROTECTIONS = new Set(["any", "plain"]);
const NOT_PERCENT_CODED = /[^A-Za-z0-9._~-]/g;

// What encodeURIComponent leaves alone though the protocol does not: !'()*
const encodeByte = (character) => "%" + character.charCodeAt(0).toString(16).toUpperCase();

function encode(word) {
  const inUtf8 = encodeURIComponent(String(word).toWellFormed());
  return inUtf8.replace(NOT_PERCENT_CODED, (found) => (found === "%" ? found : encodeByte(found)));
}

function answer(kind, words) {
  // A write to a pipe is synchronous in Node on Linux: nothing is left to flush.
  process.stdout.write([kind, ...words.map(encode)].join("\t") + "\n");
}

/** The library's own words, with the status in front where it is kept beside them. */
function explain(error) {
  const text = error instanceof Error ? error.message : String(error);
  return error?.code && !text.includes(error.code) ? `${error.code}: ${text}` : text;
}

/** Calls `action`; what the library throws in one of its callbacks meanwhile fails it as well. */
async function guarded(action) {
  let fail;
  const thrownElsewhere = new Promise((_, reject) => (fail = reject));
  process.on("uncaughtException", fail); // rejected promises that nobody awaits come here, too
  try {
    return await Promise.race([action(), thrownElsewhere]);
  } finally {
    process.off("uncaughtException", fail);
  }
}

async function reply(action) {
  try {
    const words = await guarded(action);
    if (words === NO_CALL) answer("cannot", []);
    else answer("ok", words ?? []);
    return true;
  } catch (error) {
    answer("failed", [explain(error)]);
    return false;
  }
}

/**
 * Runs the adaptor. `connect` gets the target and returns an object with an async function for each command that the
 * library has, which takes the command's words and returns those behind `ok`.
 */
async function serve(connect) {
  // Between two commands nothing may end the adaptor either.
  process.on("uncaughtException", (error) => console.error(error));
  const [host, port, user, password, share, dialect, protection] = process.argv.slice(2);
  let library = {};
  const connected = await reply(async () => {
    if (!DIALECTS.has(dialect) || !PROTECTIONS.has(protection)) return NO_CALL;
    library = await connect({ host, port: Number(port), user, password, share });
    return [];
  });
  if (!connected) process.exit(1);
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [command, ...coded] = line.split("\t");
    await reply(async () => (library[command] ? library[command](...coded.map(decodeURIComponent)) : NO_CALL));
    if (command === "quit") break;
  }
  process.exit(0);
}

/** A path as SMB has it. */
const backslashes = (name) => name.replaceAll("/", "\\");

/** Whole seconds since 1970 of a Date. */
const seconds = (date) => Math.floor(date.getTime() / 1000);

/** Waits for `condition`, for libraries that finish without telling. */
async function until(condition) {
  while (!condition()) await sleep(1);
}

module.exports = { serve, backslashes, seconds, until };
