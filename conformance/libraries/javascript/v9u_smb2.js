// The adaptor for @tryjsky/v9u-smb2: @marsaud/smb2 with NTLMv2 and for today's Node. The original knows NTLMv1 alone.
"use strict";

const fs = require("node:fs/promises");
const SMB2 = require("@tryjsky/v9u-smb2");
const { serve, backslashes, seconds } = require("./line_protocol");

class Library {
  #client;

  constructor(client) {
    this.#client = client;
  }

  // Its streams close a file twice with today's Node, and so end in STATUS_FILE_CLOSED: nothing here streams.
  async put(local, name) {
    await this.#client.writeFile(backslashes(name), await fs.readFile(local), { flags: "w" });
  }

  async get(name, local) {
    await fs.writeFile(local, await this.#client.readFile(backslashes(name)));
  }

  async list(name) {
    const entries = await this.#client.readdir(backslashes(name), { stats: true });
    return entries.flatMap((entry) => [entry.name, ...described(entry)]);
  }

  async stat(name) {
    return described(await this.#client.stat(backslashes(name)));
  }

  async mkdir(name) {
    await this.#client.mkdir(backslashes(name));
  }

  async rmdir(name) {
    await this.#client.rmdir(backslashes(name));
  }

  async remove(name) {
    await this.#client.unlink(backslashes(name));
  }

  async rename(old, name) {
    await this.#client.rename(backslashes(old), backslashes(name));
  }

  async read(name, offset, length, local) {
    const { bytesRead, buffer } = await this.#opened(name, (file) =>
      this.#client.read(file, Buffer.alloc(Number(length)), 0, Number(length), Number(offset)),
    );
    await fs.writeFile(local, buffer.subarray(0, bytesRead));
  }

  async write(name, offset, local) {
    const content = await fs.readFile(local);
    // An offset of 0 in the buffer has to be left out: the library insists on one above.
    await this.#opened(name, (file) => this.#client.write(file, content, undefined, undefined, Number(offset)));
  }

  async truncate(name, size) {
    await this.#client.truncate(backslashes(name), Number(size));
  }

  async quit() {
    this.#client.disconnect(); // closes the connection: the library has no logoff
  }

  async #opened(name, action) {
    const file = await this.#client.open(backslashes(name), "r+");
    try {
      return await action(file);
    } finally {
      await this.#client.close(file);
    }
  }
}

function described(entry) {
  return [entry.isDirectory() ? "folder" : "file", entry.size, seconds(entry.mtime)];
}

serve(async ({ host, port, user, password, share }) => {
  const client = new SMB2({
    share: `\\\\${host}\\${share}`,
    port,
    domain: "WORKGROUP",
    username: user,
    password,
    autoCloseTimeout: 0,
  });
  await client.exists(""); // the first call is what logs on
  return new Library(client);
});
