"use strict";
// Checks a receipt in the browser, off line. The same verdicts as audit/yichuang_verify.py, check by
// check; docs/receipt.md is the specification. Nothing is sent anywhere: the page's own content
// policy forbids it.

const FORMAT = "yichuang-receipt/1";
const MOST_BYTES = 16 * 1024 * 1024;
const MOST_DEPTH = 16;
const MOST_BODY_BYTES = 65535;
const MOST_SIGNATURES = 100;
const SLACK_US = 60000000n;
const ED25519 = 1, COSIGNATURE = 4;
const LAST_TIME = 253402300799; // the last second of the year 9999
const GENUINE = 0, TAMPERED = 1, INCOMPLETE = 2, UNREADABLE = 3;

class Unreadable extends Error {}
class Wrong extends Error {
  constructor(code, text) { super(text); this.code = code; }
}

// --- bytes ---------------------------------------------------------------------------------------

const utf8 = new TextEncoder();

function textOf(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new Error("not UTF-8");
  }
}

function decode(encoded) {
  if (typeof encoded !== "string" || !/^[A-Za-z0-9+/]*={0,2}$/.test(encoded)) throw new Error("not base64");
  let binary;
  try { binary = atob(encoded); } catch (error) { throw new Error("not base64"); }
  if (btoa(binary) !== encoded) throw new Error("not the canonical base64 of its bytes");
  return Uint8Array.from(binary, (c) => c.charCodeAt(0));
}

function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) { whole.set(part, at); at += part.length; }
  return whole;
}

const same = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);
const hex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));

// --- JSON, one reading only: no duplicate key, no fraction, no large integer ----------------------

function readJson(bytes) {
  const text = textOf(bytes);
  let at = 0;
  const fail = (why) => { throw new Error(`${why} (at ${at})`); };
  const space = () => { while (at < text.length && " \t\n\r".includes(text[at])) at++; };
  function value(depth) {
    space();
    const c = text[at];
    if (c === "{" || c === "[") {
      if (depth === 0) fail(`nested deeper than ${MOST_DEPTH}`);
      return c === "{" ? object(depth - 1) : list(depth - 1);
    }
    if (c === '"') return string();
    for (const [word, known] of [["true", true], ["false", false], ["null", null]]) {
      if (text.startsWith(word, at)) { at += word.length; return known; }
    }
    return number();
  }
  function number() {
    const found = /-?(0|[1-9][0-9]*)/y;
    found.lastIndex = at;
    const digits = found.exec(text);
    if (!digits || digits[0].length > 17) fail("not a value");
    at += digits[0].length;
    if (".eE".includes(text[at] || " ")) fail("not an integer");
    const read = Number(digits[0]);
    if (!Number.isSafeInteger(read)) fail("an integer is beyond ±(2^53−1)");
    return read;
  }
  function string() {
    const found = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
    found.lastIndex = at;
    const whole = found.exec(text);
    if (!whole) fail("not a text");
    at += whole[0].length;
    return JSON.parse(whole[0]);
  }
  function list(depth) {
    const members = [];
    at++; space();
    if (text[at] === "]") { at++; return members; }
    for (;;) {
      members.push(value(depth)); space();
      if (text[at] === "]") { at++; return members; }
      if (text[at++] !== ",") fail("not a list");
    }
  }
  function object(depth) {
    const members = Object.create(null);
    at++; space();
    if (text[at] === "}") { at++; return members; }
    for (;;) {
      space();
      if (text[at] !== '"') fail("not a key");
      const key = string();
      if (key in members) fail(`the key ${key} stands twice`);
      if (!/^[\x20-\x7e]+$/.test(key)) fail("a key is not printable ASCII");
      space();
      if (text[at++] !== ":") fail("not an object");
      members[key] = value(depth); space();
      if (text[at] === "}") { at++; return members; }
      if (text[at++] !== ",") fail("not an object");
    }
  }
  const read = value(MOST_DEPTH);
  space();
  if (at !== text.length) fail("more than one value");
  return read;
}

const isObject = (v) => v !== null && typeof v === "object" && !Array.isArray(v);
const hidden = (text) => /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(text);

function spelled(value) {
  if (Array.isArray(value)) return `[${value.map(spelled).join(",")}]`;
  if (isObject(value)) {
    return `{${Object.keys(value).sort().map((k) => `${JSON.stringify(k)}:${spelled(value[k])}`).join(",")}}`;
  }
  return typeof value === "number" ? String(value) : JSON.stringify(value);
}

function plain(value) {
  if (typeof value === "string") {
    if (hidden(value) || value.normalize("NFC") !== value) {
      throw new Error("a text is not NFC without control or format characters");
    }
  } else if (value !== null && typeof value === "object") {
    Object.values(value).forEach(plain);
  }
}

// --- the tree: RFC 9162 §2.1.3, arithmetic without bits because sizes pass 2^32 --------------------

const leafHash = (body) => sha256(joined(Uint8Array.of(0), body));
const nodeHash = (left, right) => sha256(joined(Uint8Array.of(1), left, right));

function split(count) {
  let half = 1;
  while (half * 2 < count) half *= 2;
  return half;
}

class Tree {
  constructor(nodes) { this.nodes = nodes; this.known = new Map(); }

  node(height, index) {
    const name = `${height}.${index}`;
    let found = null;
    try { found = decode(this.nodes[name]); } catch (error) { /* said below */ }
    if (!found) throw new Wrong("proof", `证明缺少或写错节点 ${name}`);
    if (found.length !== 32) throw new Wrong("proof", "节点不是 32 字节");
    return found;
  }

  async range(low, high) {
    const half = split(high - low + 1);
    if (high - low === half) {
      let height = 0;
      for (let n = half; n > 1; n /= 2) height++;
      return this.node(height, low / half);
    }
    const name = `${low}-${high}`;
    if (!this.known.has(name)) {
      const middle = low + split(high - low);
      this.known.set(name, await nodeHash(await this.range(low, middle), await this.range(middle, high)));
    }
    return this.known.get(name);
  }

  async rootFrom(leaf, index, low, high) {
    if (high - low === 1) return leaf;
    const middle = low + split(high - low);
    return index < middle
      ? nodeHash(await this.rootFrom(leaf, index, low, middle), await this.range(middle, high))
      : nodeHash(await this.range(low, middle), await this.rootFrom(leaf, index, middle, high));
  }
}

// --- notes and policy -----------------------------------------------------------------------------

async function readKey(vkey) {
  const parts = vkey.split("+");
  const name = parts[0], id = parts[1], key = decode(parts.slice(2).join("+"));
  if (!name || key.length < 2) throw new Error("not a verifier key");
  const digest = await sha256(joined(utf8.encode(`${name}\n`), key));
  const own = digest.slice(0, 4);
  if (hex(own) !== id) throw new Error(`the key of ${name} has another id`);
  const kind = key[0], bytes = key.slice(1);
  if ((kind === ED25519 || kind === COSIGNATURE) && bytes.length !== 32) throw new Error("not 32 bytes");
  return { name, kind, bytes, id: own, vkey };
}

/** Returns the seconds of a cosignature (0 for a log's own signature). Throws `Wrong`. */
async function accepted(key, text, signature) {
  let said = utf8.encode(text), signed = signature, at = 0;
  if (key.kind === COSIGNATURE) {
    if (signature.length !== 72) throw new Wrong("signature", `${key.name} 的联署长度不对`);
    const time = new DataView(signature.buffer, signature.byteOffset, 8).getBigUint64(0);
    at = Number(time);
    said = joined(utf8.encode(`cosignature/v1\ntime ${time}\n`), said);
    signed = signature.slice(8);
  }
  let good = false;
  try {
    const known = await crypto.subtle.importKey("raw", key.bytes, { name: "Ed25519" }, false, ["verify"]);
    good = (key.kind !== COSIGNATURE || (at > 0 && at <= LAST_TIME)) && await crypto.subtle.verify({ name: "Ed25519" }, known, signed, said);
  } catch (error) { /* a key or signature that is none */ }
  if (!good) throw new Wrong("signature", `${key.name} 的签名与树头不符`);
  return at;
}

async function readPolicy(text) {
  const policy = { logs: [], witnesses: new Map(), groups: new Map(), quorum: null, periods: new Map() };
  const isKnown = (name) => policy.witnesses.has(name) || policy.groups.has(name);
  const fresh = (name) => { if (name === "none" || isKnown(name)) throw new Error(`the name ${name} is taken`); };
  const fresher = (key) => {
    if ([...policy.logs, ...policy.witnesses.values()].some((known) => same(known.bytes, key.bytes))) {
      throw new Error(`the key of ${key.name} stands here already`);
    }
  };
  const takeLog = async (words, again) => {
    if (words.length !== 1 && words.length !== 2) throw new Error("a key, and perhaps an address, is expected");
    const key = await readKey(words[0]);
    if (key.kind === COSIGNATURE) throw new Error("a witness's key does not sign a log");
    if (again && policy.logs.some((one) => one.name === key.name && same(one.bytes, key.bytes))) throw new Error("this log stands here already");
    if (!again) fresher(key);
    policy.logs.push(key);
  };
  const take = async (words) => {
    const kind = words[0];
    if (kind === "log") {
      await takeLog(words.slice(1), false);
    } else if (kind === "witness" && (words.length === 3 || words.length === 4)) {
      const key = await readKey(words[2]);
      if (key.kind !== COSIGNATURE) throw new Error("a witness has a key for cosignatures");
      fresher(key);
      fresh(words[1]);
      policy.witnesses.set(words[1], key);
    } else if (kind === "group" && words.length >= 4) {
      const members = words.slice(3);
      const taken = [...policy.groups.values()].flatMap((group) => group.members);
      if (new Set(members).size !== members.length || !members.every((one) => isKnown(one) && !taken.includes(one))) {
        throw new Error("a group has unknown or doubled members");
      }
      const counts = new Map([["any", 1], ["all", members.length]]);
      const need = counts.get(words[2]) || (/^[1-9][0-9]{0,3}$/.test(words[2]) ? Number(words[2]) : 0);
      if (need < 1 || need > members.length) throw new Error("a group cannot need so many");
      fresh(words[1]);
      policy.groups.set(words[1], { need, members });
    } else if (kind === "quorum" && words.length === 2 && policy.quorum === null) {
      if (words[1] !== "none" && !isKnown(words[1])) throw new Error("the quorum names nobody");
      policy.quorum = words[1];
    } else throw new Error("not a line of a policy");
  };
  const takePeriod = (words) => { // the sizes at which a key is trusted; other readers see a comment
    const said = new Map();
    for (let n = 1; n < words.length; n += 2) said.set(words[n], words[n + 1]);
    if (words.length !== 1 + 2 * said.size || !said.has("from") || ![...said.keys()].every((w) => ["from", "until", "revoked"].includes(w))) {
      throw new Error("a key, from, and perhaps until and revoked with a size each");
    }
    if (![...said.values()].every((size) => /^(0|[1-9][0-9]{0,18})$/.test(size))) throw new Error("a size is a number without leading zeros");
    if (policy.periods.has(words[0]) || !policy.logs.some((key) => key.vkey === words[0])) throw new Error("a second period, or one of no log above");
    const size = (name) => (said.has(name) ? Number(said.get(name)) : null);
    policy.periods.set(words[0], { first: size("from"), last: size("until"), revoked: size("revoked") });
  };
  if (!text.endsWith("\n") || /[\u0000-\u0008\u000b-\u001f\u007f]/.test(text)) throw new Unreadable("信任文件末行没有换行，或含有控制字符");
  let number = 0;
  for (const line of text.slice(0, -1).split("\n")) {
    number++;
    const words = line.split(/[ \t]+/).filter(Boolean);
    try {
      if (words[0] === "#yichuang" && words[1] === "log") await takeLog(words.slice(2), true); // a closed shard under a known key
      else if (words[0] === "#yichuang" && words[1] === "key") takePeriod(words.slice(2));
      else if (words.length && !words[0].startsWith("#")) await take(words);
    } catch (error) { throw new Unreadable(`信任文件第 ${number} 行：${error.message}`); }
  }
  if (policy.quorum === null) throw new Unreadable("信任文件里没有 quorum 行");
  const met = (name, cosigned) => {
    const group = policy.groups.get(name);
    if (!group) return cosigned.has(name);
    return group.members.filter((one) => met(one, cosigned)).length >= group.need;
  };
  policy.met = (cosigned) => policy.quorum === "none" || met(policy.quorum, cosigned);
  return policy;
}

function noteParts(note) {
  const cut = note.lastIndexOf("\n\n");
  if (cut < 0 || !note.endsWith("\n")) throw new Wrong("note", "树头没有签名部分");
  if (/[\u0000-\u0009\u000b-\u001f]/.test(note)) throw new Wrong("note", "树头含有控制字符");
  const lines = note.slice(cut + 2, -1).split("\n");
  if (lines.length > MOST_SIGNATURES) throw new Wrong("note", "树头的签名行过多");
  return { text: note.slice(0, cut) + "\n", lines: lines.map(signatureLine) };
}

function signatureLine(line) {
  const found = /^— ([^\s+]+) (.*)$/u.exec(line);
  if (!found) throw new Wrong("note", "签名行的写法不对");
  let signature;
  try { signature = decode(found[2]); } catch (error) { throw new Wrong("note", "签名行不是规范的 base64"); }
  if (signature.length < 5) throw new Wrong("note", "签名太短");
  return { name: found[1], id: signature.slice(0, 4), signature: signature.slice(4) };
}

/** Returns the seconds of the key's newest line, null where it has none; every line must hold. */
async function signedBy(key, text, lines) {
  if (!isCheckable(key)) return null;
  let newest = null;
  for (const line of lines.filter((one) => isOf(one, key))) {
    const at = await accepted(key, text, line.signature);
    newest = newest === null || at > newest ? at : newest;
  }
  return newest;
}

const isCheckable = (key) => key.kind === ED25519 || key.kind === COSIGNATURE; // SM2 and others vouch for nothing here
const isOf = (line, key) => line.name === key.name && same(line.id, key.id);

async function readHead(note, origin, policy) {
  const { text, lines } = noteParts(note);
  const said = text.slice(0, -1).split("\n");
  if (said.length < 3 || said.some((one) => !one) || !/^(0|[1-9][0-9]{0,18})$/.test(said[1])) {
    throw new Wrong("note", "树头不是「名称、大小、根」的规定写法");
  }
  const head = { origin: said[0], size: Number(said[1]) };
  if (!Number.isSafeInteger(head.size)) throw new Wrong("note", "树头的大小超出 2^53−1");
  try { head.root = decode(said[2]); } catch (error) { throw new Wrong("note", "树头的根不是规范的 base64"); }
  if (head.root.length !== 32) throw new Wrong("note", "树头的根不是 32 字节");
  if (origin !== head.origin) throw new Wrong("origin", `树头属于 ${head.origin}，回执说是 ${origin}`);
  const keys = policy.logs.filter((key) => key.name === head.origin);
  if (!keys.length) throw new Wrong("origin", `信任文件里没有日志 ${head.origin}`);
  const signers = [];
  for (const key of keys) if ((await signedBy(key, text, lines)) !== null) signers.push(key);
  if (!signers.length) throw new Wrong("signature", `没有日志 ${head.origin} 的可信签名`);
  head.cosigned = new Map();
  for (const [name, key] of policy.witnesses) {
    const at = await signedBy(key, text, lines);
    if (at !== null) head.cosigned.set(name, at);
  }
  head.quorumMet = policy.met(head.cosigned);
  const place = (key) => lines.findLastIndex((line) => isOf(line, key));
  signers.sort((a, b) => place(a) - place(b));
  head.signedBy = [ofItsTime(signers, head, policy)];
  const known = [...keys, ...policy.witnesses.values()].filter(isCheckable);
  head.others = lines.filter((line) => !known.some((key) => isOf(line, key))).length;
  return head;
}

/** Returns the first signer that is trusted at this size; of a revoked key only what was witnessed. */
function ofItsTime(signers, head, policy) {
  const witnessed = head.quorumMet && policy.quorum !== "none";
  for (const key of signers) {
    const period = policy.periods.get(key.vkey);
    if (!period) return key;
    const covers = period.first <= head.size && (period.last === null || head.size <= period.last);
    if (covers && (period.revoked === null || (head.size <= period.revoked && witnessed))) return key;
    if (covers && period.revoked !== null) break;
  }
  throw new Wrong("signature", `签名的密钥在大小 ${head.size} 时不可信（已轮换或已吊销）`);
}

// --- one entry ------------------------------------------------------------------------------------

const TEXTS = {
  who: ["id", "kind", "org", "role", "auth", "on_behalf"],
  from: ["ip", "host", "svc", "ver", "cert"],
  obj: ["type", "id", "step", "doc"],
  pol: ["dec", "eff", "rule"],
  rule: ["id", "ver", "hash"],
  wf: ["ns", "id", "run", "act"],
  s: ["id", "prev"],
};
const NUMBERS = { wf: ["evt", "att"], s: ["seq", "count"] };
const NEEDED = {
  who: ["id", "kind"], obj: ["type", "id"], pol: ["dec", "eff"], rule: ["id", "ver", "hash"],
  wf: ["ns", "id"], s: ["id", "seq", "prev"],
};
const TOP_TEXTS = ["id", "t", "occ", "act", "res", "why", "before", "after"];
const TOP_NEEDED = ["v", "id", "t", "who", "act", "obj", "res", "s"];
const isA = {
  text: (v) => typeof v === "string", number: (v) => typeof v === "number",
  object: isObject, list: Array.isArray,
};
const named = (names, kind) => Object.fromEntries(names.map((name) => [name, kind]));

function fields(value, known, needed) {
  if (!isObject(value)) throw new Error("a part is no object");
  for (const name of Object.keys(value)) {
    if (!Object.hasOwn(known, name) || !isA[known[name]](value[name])) throw new Error(`${name} is no such field of an entry`);
  }
  if (!needed.every((name) => name in value)) throw new Error("a field is missing");
}

function moment(text) {
  const found = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{6})Z$/.exec(text);
  if (!found) throw new Error("t is no instant");
  const [y, m, d, h, i, s, us] = found.slice(1).map(Number);
  const date = new Date(0);
  date.setUTCFullYear(y, m - 1, d);
  date.setUTCHours(h, i, s);
  if (y < 1 || date.toISOString().slice(0, 19) !== text.slice(0, 19)) throw new Error("t is no instant");
  return BigInt(date.getTime()) * 1000n + BigInt(us);
}

function readEntry(stored) {
  try {
    if (stored.length > MOST_BODY_BYTES) throw new Error(`longer than ${MOST_BODY_BYTES} bytes`);
    const body = readJson(stored);
    if (!isObject(body)) throw new Error("not an object");
    plain(body);
    if (!same(utf8.encode(spelled(body)), stored)) throw new Error("not the canonical spelling of what it says");
    shape(body);
    return body;
  } catch (error) {
    throw new Wrong("spelling", `记录不是规范写法（${error.message}）`);
  }
}

function shape(body) {
  fields(body, { ...named(TOP_TEXTS, "text"), ...named(Object.keys(TEXTS), "object"), v: "number", pay: "list" }, TOP_NEEDED);
  for (const [name, texts] of Object.entries(TEXTS)) {
    if (name in body) fields(body[name], { ...named(texts, "text"), ...named(NUMBERS[name] || [], "number") }, NEEDED[name] || []);
  }
  for (const one of body.pay || []) fields(one, { n: "text", c: "text", len: "number", mt: "text" }, ["n", "c", "len", "mt"]);
  if (body.v !== 1 || body.s.seq < 1 || !["ok", "deny", "error"].includes(body.res)) throw new Error("v, s.seq or res is out of range");
  if ("count" in body.s && body.s.count !== body.s.seq) throw new Error("s.count is not the entry's own place");
  moment(body.t);
  if (!/^[0-9a-f]{64}$/.test(body.s.prev)) throw new Error("s.prev is no digest");
}

// --- the receipt ----------------------------------------------------------------------------------

const isNumberOrNull = (v) => v === null || typeof v === "number";
const RECEIPT = {
  format: isA.text, scope: isA.text, case: isA.text, issued: isObject, logs: isA.list, entries: isA.list,
  payloads: isA.list, withheld: isA.list, clock: (v) => v === null || isObject(v),
};
const SECOND = { origin: isA.text, checkpoint: isA.text, nodes: isObject };
const PARTS = {
  logs: [{ origin: isA.text, checkpoint: isA.text, nodes: isObject, token: isA.text, sm3: isObject }, ["origin", "checkpoint", "nodes"]],
  entries: [{ log: isNumberOrNull, index: isNumberOrNull, body: isA.text }, ["log", "index", "body"]],
  payloads: [{ entry: isA.number, name: isA.text, salt: isA.text, content: isA.text }, ["entry", "name", "salt", "content"]],
  withheld: [{ entry: isA.number, name: isA.text, why: isA.text }, ["entry", "name", "why"]],
};

function part(value, known, needed) {
  if (!isObject(value) || !needed.every((n) => n in value) || Object.keys(value).some((n) => !Object.hasOwn(known, n))) {
    throw new Error("a part has not the fields that it must have");
  }
  for (const [name, member] of Object.entries(value)) if (!known[name](member)) throw new Error(`${name} has another type`);
}

/** Returns the one file inside a 回执 PDF; any other file as it is. */
async function outOfPaper(stored) {
  const text = Array.from(stored.subarray(0, 5), (c) => String.fromCharCode(c)).join("");
  if (text !== "%PDF-") return stored;
  let whole = ""; // a byte is a character, so that places fit (latin1 in a browser is windows-1252)
  for (let n = 0; n < stored.length; n += 32768) whole += String.fromCharCode(...stored.subarray(n, n + 32768));
  const mark = "/Type /EmbeddedFile", at = whole.indexOf(mark);
  if (at < 0 || whole.indexOf(mark, at + 1) >= 0) throw new Unreadable("这个 PDF 里没有（或不止一个）附件");
  const found = /^[^]{0,600}?\/Length ([0-9]{1,9})\s*>>\s*stream\r?\n/.exec(whole.slice(at, at + 800));
  if (!found || !found[0].includes("/FlateDecode")) throw new Unreadable("这个 PDF 的附件读不了");
  const start = at + found[0].length;
  const packed = new Blob([stored.subarray(start, start + Number(found[1]))]);
  const parts = [];
  let length = 0;
  try {
    for await (const part of packed.stream().pipeThrough(new DecompressionStream("deflate"))) {
      length += part.length;
      if (length > MOST_BYTES) break;
      parts.push(part);
    }
  } catch (error) {
    throw new Unreadable("这个 PDF 的附件读不了");
  }
  if (length > MOST_BYTES) throw new Unreadable("文件超过 16 MiB，不是回执");
  return joined(...parts);
}

function readReceipt(stored) {
  if (stored.length > MOST_BYTES) throw new Unreadable("文件超过 16 MiB，不是回执");
  try {
    const value = readJson(stored);
    part(value, RECEIPT, Object.keys(RECEIPT));
    if (value.format !== FORMAT || !["case", "entry"].includes(value.scope)) throw new Error(`the format is not ${FORMAT}`);
    for (const [name, [known, needed]] of Object.entries(PARTS)) for (const one of value[name]) part(one, known, needed);
    receiptShape(value);
    return value;
  } catch (error) {
    throw new Unreadable(`不是回执文件：${error.message}`);
  }
}

function receiptShape(value) {
  const second = value.logs.filter((log) => "sm3" in log).map((log) => log.sm3);
  for (const tree of second) part(tree, SECOND, Object.keys(SECOND));
  for (const log of [...value.logs, ...second]) {
    for (const [name, node] of Object.entries(log.nodes)) {
      if (!/^(0|[1-9][0-9]?)\.(0|[1-9][0-9]{0,15})$/.test(name) || typeof node !== "string") throw new Error("a node has no such name");
    }
  }
  for (const { log, index } of value.entries) {
    if ((log === null) !== (index === null)) throw new Error("an entry has a log and an index, or neither");
    if (log !== null && !(log >= 0 && log < value.logs.length && index >= 0)) throw new Error("an entry names no log of this receipt");
  }
  if (!value.entries.length || (value.scope === "entry" && value.entries.length !== 1)) throw new Error("the number of entries does not fit");
  for (const one of [...value.payloads, ...value.withheld]) {
    if (!(one.entry >= 0 && one.entry < value.entries.length)) throw new Error("a payload names no entry of this receipt");
  }
  if (textsOf(value).some(hidden)) throw new Error("a text has control or format characters");
}

/** Returns every text but the checkpoints, which have line ends and a spelling of their own. */
function textsOf(value) {
  const found = [], waiting = [value];
  while (waiting.length) {
    const one = waiting.pop();
    if (typeof one === "string") found.push(one);
    else if (Array.isArray(one)) for (const member of one) waiting.push(member);
    else if (isObject(one)) for (const name of Object.keys(one)) if (name !== "checkpoint") waiting.push(one[name]);
  }
  return found;
}

class Check {
  constructor(receipt, policy) {
    this.receipt = receipt; this.policy = policy;
    this.faults = []; this.marks = []; this.checked = []; this.unchecked = []; this.vouchers = [];
    this.steps = []; this.disclosed = [];
    this.heads = []; this.trees = []; this.bodies = []; this.stored = [];
  }

  fault(code, where, text) { this.faults.push({ code, where, text }); }
  mark(name) { if (!this.marks.includes(name)) this.marks.push(name); }

  async run() {
    const { receipt } = this;
    for (const log of receipt.logs) {
      this.heads.push(await this.head(log));
      this.trees.push(new Tree(log.nodes));
    }
    for (let place = 0; place < receipt.entries.length; place++) await this.entry(place);
    if (receipt.scope === "case") await this.stream();
    else if (this.bodies[0] && receipt.case) this.ownStream(0);
    const held = new Set(receipt.payloads.map((one) => `${one.entry} ${one.name}`));
    if (held.size !== receipt.payloads.length) this.fault("payload", "", "同一内容披露了两次");
    for (const payload of receipt.payloads) await this.payload(payload);
    if (this.faults.length) this.disclosed = []; // nothing of a bad receipt is shown as if it were good
    else this.tell(held);
  }

  async head(log) {
    try {
      const head = await readHead(log.checkpoint, log.origin, this.policy);
      if (!head.quorumMet) this.mark("quorum");
      return head;
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      this.fault(error.code, log.origin, error.message);
      return null;
    }
  }

  async entry(place) {
    const entry = this.receipt.entries[place], where = `第 ${place + 1} 条`;
    let body = null, stored = new Uint8Array();
    try {
      try { stored = decode(entry.body); } catch (error) { throw new Wrong("spelling", "记录不是规范的 base64"); }
      body = readEntry(stored);
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      this.fault(error.code, where, error.message);
    }
    this.bodies.push(body);
    this.stored.push(stored);
    if (entry.log === null) { this.mark("unsealed"); return; }
    const head = this.heads[entry.log];
    if (!head) return;
    try {
      if (entry.index >= head.size) throw new Wrong("proof", `序号 ${entry.index} 不在大小为 ${head.size} 的树内`);
      const root = await this.trees[entry.log].rootFrom(await leafHash(stored), entry.index, 0, head.size);
      if (!same(root, head.root)) throw new Wrong("proof", "这条记录不在签名的树头之内");
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      this.fault(error.code, where, error.message);
    }
  }

  async stream() {
    let previous = new Uint8Array(32), latest = null, unsealed = false, last = [-1, -1];
    const seen = new Set();
    for (let place = 0; place < this.bodies.length; place++) {
      const body = this.bodies[place], where = `第 ${place + 1} 条`;
      if (!body) return;
      this.ownStream(place);
      if (body.s.seq !== place + 1) this.fault("sequence", where, `应为第 ${place + 1} 步，写的是第 ${body.s.seq} 步`);
      if (body.s.prev !== hex(previous)) this.fault("chain", where, "与前一条不相扣");
      if (seen.has(body.id)) this.fault("identity", where, "记录编号出现了两次");
      const at = moment(body.t);
      if (latest !== null && at < latest - SLACK_US) this.fault("time", where, "时间早于前一条");
      const entry = this.receipt.entries[place];
      const after = entry.log > last[0] || (entry.log === last[0] && entry.index > last[1]);
      if (entry.log === null) unsealed = true;
      else if (unsealed || !after) this.fault("sequence", where, "在日志中的先后与本件的先后不一致");
      else last = [entry.log, entry.index];
      seen.add(body.id);
      previous = await leafHash(this.stored[place]);
      latest = latest === null || at > latest ? at : latest;
    }
    if (!this.bodies.some((body) => "count" in body.s)) this.mark("not_closed");
  }

  ownStream(place) {
    const body = this.bodies[place];
    if (body.s.id !== `case:${this.receipt.case}`) this.fault("stream", `第 ${place + 1} 条`, `属于 ${body.s.id}，不是本件`);
  }

  async payload(payload) {
    const body = this.bodies[payload.entry], where = `第 ${payload.entry + 1} 条`;
    if (!body) return;
    const said = (body.pay || []).filter((one) => one.n === payload.name);
    let salt, content;
    try { salt = decode(payload.salt); content = decode(payload.content); } catch (error) {
      this.fault("payload", where, "披露的内容不是规范的 base64");
      return;
    }
    const found = hex(await sha256(joined(utf8.encode("yichuang/commit/v1\0"), salt, content)));
    if (salt.length !== 32 || said.length !== 1 || said[0].c !== found || said[0].len !== content.length) {
      this.fault("payload", where, "披露的内容不是记录所承诺的");
      return;
    }
    this.disclosed.push({ entry: payload.entry, name: payload.name, text: new TextDecoder().decode(content) });
  }

  // --- what is said ---

  tell(held) {
    this.bodies.forEach((body, place) => {
      const { index } = this.receipt.entries[place];
      this.steps.push({ seq: body.s.seq, t: body.t, act: body.act, res: body.res, id: body.id, index });
    });
    this.tellChecked();
    this.tellVouchers();
    this.tellUnchecked(held);
  }

  tellChecked() {
    const say = (zh, en) => this.checked.push({ zh, en });
    const sealed = this.receipt.entries.filter((one) => one.log !== null).length;
    if (sealed) say(`${sealed} 条记录的原文在日志签名的树头之内，一字未改`, `${sealed} entries lie under the signed heads, unchanged`);
    if (this.receipt.scope === "case") {
      const n = this.bodies.length;
      say(`本件第 1 至第 ${n} 条连续，前后相扣，没有抽换、增删`, `entries 1 to ${n} are contiguous and linked`);
      const counts = this.bodies.filter((body) => "count" in body.s).map((body) => body.s.count);
      if (counts.length) {
        const count = counts[counts.length - 1], more = n - count;
        say(`归档时写明共 ${count} 条，一条不少${more ? `；归档后另有 ${more} 条` : ""}`,
          `the closing entry counts ${count}: none is missing${more ? `; ${more} more since` : ""}`);
      }
    }
    const shown = this.disclosed.length;
    if (shown) say(`披露的 ${shown} 份内容正是记录当时所承诺的`, `${shown} disclosed payloads are what was committed to`);
  }

  tellVouchers() {
    for (const head of this.heads) {
      const ids = head.signedBy.map((key) => hex(key.id)).join("、");
      this.vouchers.push({ zh: `日志 ${head.origin} 签名，树头大小 ${head.size}，密钥 ${ids}`, en: `log ${head.origin}, size ${head.size}, key ${ids}` });
      for (const [name, at] of head.cosigned) {
        const told = beijing(at * 1000);
        this.vouchers.push({ zh: `见证方 ${name} 于 ${told} 联署`, en: `witness ${name} at ${told}` });
      }
    }
  }

  tellUnchecked(held) {
    const say = (zh, en) => this.unchecked.push({ zh, en });
    const { receipt, marks } = this;
    if (marks.includes("unsealed")) {
      const n = receipt.entries.filter((one) => one.log === null).length;
      say(`最后 ${n} 条还没有签名的树头，只核对了前后相扣`, `the last ${n} entries are under no signed head yet`);
    }
    if (marks.includes("not_closed")) say("本件没有以计数归档：以后是否还有环节，这份回执不能说明", "not closed with a count: what came later is not known");
    if (marks.includes("quorum")) say("见证方的联署没有达到信任文件要求的数目（未经见证）", "unwitnessed: the policy's quorum of cosignatures is not met");
    else if (this.heads.length && this.policy.quorum === "none") {
      say("信任文件不要求见证方：只有办事机关自己的签名作保", "no witness is asked for: the office's own signature alone vouches");
    }
    if (receipt.logs.some((log, n) => "sm3" in log || this.heads[n].others)) say("其余签名行（如国密 SM2）没有核对", "other signature lines (SM2) not checked");
    if (receipt.logs.some((log) => "token" in log)) say("附有时间戳（RFC 3161），本页不能核对，请用 yichuang-verify", "the time-stamp token cannot be checked here: use yichuang-verify");
    else say("没有附时间戳", "there is no time-stamp token");
    const why = new Map(receipt.withheld.map((one) => [`${one.entry} ${one.name}`, one.why]));
    let erased = 0, kept = 0;
    this.bodies.forEach((body, place) => (body.pay || []).forEach((one) => {
      const name = `${place} ${one.n}`;
      if (held.has(name)) return;
      if (why.get(name) === "erased") erased++; else kept++;
    }));
    if (erased) say(`${erased} 份内容据称已依法删除，只剩承诺，无从核对`, `${erased} payloads are said to be erased by law; only commitments remain`);
    if (kept) say(`${kept} 份内容没有披露`, `${kept} payloads are not disclosed`);
    if (receipt.clock) say("时限台账是出具机关的陈述，日志不证明它", "the clock ledger is the office's statement, not proved");
  }
}

function beijing(ms) {
  return new Date(ms + 8 * 3600000).toISOString().slice(0, 16).replace("T", " ") + "（北京时间）";
}

/** Returns the report: exit_code, unreadable, faults, marks, checked, unchecked, vouchers, steps, disclosed. */
async function verify(stored, policyText) {
  const empty = { unreadable: "", faults: [], marks: [], checked: [], unchecked: [], vouchers: [], steps: [], disclosed: [] };
  try {
    const check = new Check(null, await readPolicy(policyText));
    check.receipt = readReceipt(await outOfPaper(stored));
    await check.run();
    const { faults, marks, checked, unchecked, vouchers, steps, disclosed, receipt } = check;
    const exit_code = faults.length ? TAMPERED : marks.length ? INCOMPLETE : GENUINE;
    return { ...empty, exit_code, faults, marks, checked, unchecked, vouchers, steps, disclosed, receipt };
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    return { ...empty, exit_code: UNREADABLE, unreadable: error.message };
  }
}

// --- the page -------------------------------------------------------------------------------------

const VERDICTS = [
  ["真实：内容与签名一致", "Genuine.", "good"],
  ["不可信：已被改动，或没有可信的签名", "Not to be trusted: altered, or no trusted signature.", "bad"],
  ["真实，但不完整：见「没有核对」", "Genuine, but incomplete: see “Not checked”.", "partial"],
  ["读不了：什么也没有证明", "Cannot be read: nothing was proved.", "partial"],
];
// The clerks' words of forms/words.py; a test holds the two together.
const ACTS = {
  "file": "收件", "pre_review": "预审", "ask_supplement": "一次性告知补正", "supply": "补交材料", "correct_on_spot": "当场更正",
  "accept": "受理", "refuse_acceptance": "不予受理", "not_required": "不受理（无需许可）", "claim": "签收", "transfer": "转办",
  "add_signer": "加签", "remove_signer": "减签", "opine": "填写审查意见", "inspect": "现场核查笔录", "gather": "汇总意见",
  "start_procedure": "启动特别程序", "end_procedure": "结束特别程序", "start_wait": "核查、公示停表", "end_wait": "核查、公示复表",
  "disallow_pause": "认定停表不当", "restore_pause": "撤销停表不当的认定", "tell_hearing_right": "告知听证权利",
  "request_hearing": "登记听证申请", "notify_hearing": "通知听证", "assign_inspectors": "指派检验人员",
  "confirm_receipt": "确认收到", "extend": "延期", "return_step": "退回环节", "decide": "作出决定", "certify": "制证",
  "serve": "送达", "close": "办结", "rate": "好差评", "rectify": "差评整改", "call_back": "回访", "withdraw": "撤回申请",
  "urge": "催办", "copy_to": "抄送", "recuse": "回避", "check_afterwards": "承诺核查", "revoke_licence": "撤销许可",
  "reissue": "更正重发、补发文书", "serve_reissued": "再次送达", "record_step": "记录环节",
  "issue_card": "发监察牌", "revoke_card": "撤销监察牌", "explain_card": "书面说明", "review_explanation": "审核说明",
  "timer_fired": "时限届满", "retimed": "期限重算"
};
const RESULTS = { ok: "完成", deny: "不准", error: "出错" };

const byId = (id) => document.getElementById(id);

function element(tag, text, ...children) {
  const made = document.createElement(tag);
  if (text) made.textContent = text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (c) => c === "\n" ? c : `\\u${c.codePointAt(0).toString(16).padStart(4, "0")}`);
  made.append(...children);
  return made;
}

function two(zh, en) {
  const second = element("span", en);
  second.lang = "en";
  second.className = "en";
  return element("li", zh, second);
}

function section(zh, en, content) {
  const title = element("h2", zh), second = element("span", en);
  second.lang = "en";
  title.append(" ", second);
  return element("section", "", title, content);
}

function shown(report) {
  const [zh, en, look] = VERDICTS[report.exit_code];
  const second = element("span", en);
  second.lang = "en";
  const banner = element("p", zh, second);
  banner.className = `verdict ${look}`;
  banner.tabIndex = -1;
  const parts = [banner];
  if (report.unreadable) parts.push(element("p", report.unreadable));
  if (report.faults.length) {
    const faults = element("ul");
    report.faults.slice(0, 20).forEach((one) => faults.append(element("li", `${one.where} ${one.text}（${one.code}）`)));
    parts.push(section("不符之处", "What is wrong", faults));
  }
  for (const [name, title, english] of [["checked", "核对了", "Checked"], ["unchecked", "没有核对", "Not checked"], ["vouchers", "谁作保", "Who vouches"]]) {
    if (!report[name].length) continue;
    const list = element("ul");
    report[name].forEach((one) => list.append(two(one.zh, one.en)));
    parts.push(section(title, english, list));
  }
  if (report.steps.length) parts.push(section("记录", "Entries", steps(report)));
  if (report.disclosed.length) parts.push(section("披露的内容", "Disclosed", disclosed(report)));
  return parts;
}

function steps(report) {
  const head = element("tr", "", ...["步", "时间", "行为", "结果", "日志序号"].map((text) => {
    const cell = element("th", text);
    cell.scope = "col";
    return cell;
  }));
  const rows = report.steps.map((one) => element("tr", "",
    element("td", String(one.seq)), element("td", beijing(Number(moment(one.t) / 1000n)).slice(0, 16)),
    element("td", acted(one.act)), element("td", RESULTS[one.res]),
    element("td", one.index === null ? "未封" : String(one.index))));
  const table = element("table", "", element("thead", "", head), element("tbody", "", ...rows));
  const scroll = element("div", "", table);
  scroll.className = "scroll";
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "region");
  scroll.setAttribute("aria-label", "记录");
  return scroll;
}

function laidOut(text) {
  try { return JSON.stringify(JSON.parse(text), null, 1); } catch (error) { return text; }
}

const acted = (act) => (Object.hasOwn(ACTS, act) ? `${ACTS[act]}（${act}）` : act);

function disclosed(report) {
  const box = element("div");
  for (const one of report.disclosed) {
    const step = report.steps[one.entry];
    const details = element("details", "", element("summary", `第 ${step.seq} 步 ${acted(step.act)}`), element("pre", laidOut(one.text)));
    box.append(details);
  }
  return box;
}

async function canCheck() {
  if (!globalThis.crypto || !crypto.subtle) return false;
  try {
    const key = Uint8Array.from(atob("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="), (c) => c.charCodeAt(0));
    const known = await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
    const signature = Uint8Array.from(atob("5VZDAMNgrHKQhuLMgG6CioSHfx645dl02HPgZSJJAVVfuIIVkKM7rMYeOXAc+bRr0lv18FlbviRlUUFDjnoQCw=="), (c) => c.charCodeAt(0));
    return await crypto.subtle.verify({ name: "Ed25519" }, known, signature, new Uint8Array()); // RFC 8032 §7.1, test 1
  } catch (error) {
    return false;
  }
}

let chosen = null;

async function fingerprint() {
  const text = byId("policy").value;
  const digest = hex(await sha256(utf8.encode(text)));
  byId("fingerprint").textContent = digest.replace(/(.{8})/g, "$1 ").trim();
  byId("own").hidden = text === byId("policy").defaultValue;
}

async function look() {
  if (!chosen) return;
  const result = byId("result");
  result.replaceChildren(element("p", "正在核对……"));
  let report;
  if (chosen.size > MOST_BYTES) report = { ...(await verify(new Uint8Array(), "")), unreadable: "文件超过 16 MiB，不是回执" };
  else report = await verify(new Uint8Array(await chosen.arrayBuffer()), byId("policy").value);
  globalThis.report = report;
  byId("name").textContent = byId("file").files[0] === chosen ? "" : chosen.name;
  result.replaceChildren(...shown(report));
  result.querySelector(".verdict").focus();
}

async function begin() {
  byId("keep").hidden = location.protocol === "file:"; // a saved copy has nobody to ask
  if (!(await canCheck())) {
    byId("old").hidden = false;
    byId("file").disabled = true;
    return;
  }
  const drop = byId("drop");
  byId("file").addEventListener("change", (event) => { chosen = event.target.files[0] || null; look(); });
  for (const name of ["dragover", "dragleave", "drop"]) {
    drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.toggle("over", name === "dragover"); });
  }
  drop.addEventListener("drop", (event) => { chosen = event.dataTransfer.files[0] || null; look(); });
  byId("policy").addEventListener("input", async () => { await fingerprint(); await look(); });
  await fingerprint();
  document.documentElement.dataset.ready = "yes";
}

begin();
