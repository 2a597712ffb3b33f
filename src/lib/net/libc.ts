/**
 * Calls into the C library: what the runtime's sockets can't do. The one file of the project with foreign functions.
 *
 * Memory rule: pointers are taken only to buffers that were made from an ArrayBuffer of their own and live as long as
 * the process. A pointer to `Buffer.alloc()` memory goes stale when the runtime moves it (seen: the previous
 * connection's address was answered), so nothing here takes a caller's buffer.
 * The calls are synchronous, so one scratch buffer serves all of them.
 */
import { dlopen, ptr, read } from "bun:ffi";
import { MeshError } from "../errors.ts";
import { decodeSockaddr, encodeSockaddr, familyOf } from "./sockaddr.ts";
import type { SocketAddr } from "./socket.ts";

/** Socket option numbers of Linux (socket(7), tcp(7), ip(7)), as [level, name]. */
export const socketOptions = {
  reuseAddress: [1, 2],
  error: [1, 4],
  keepAlive: [1, 9],
  mark: [1, 36],
  noDelay: [6, 1],
  keepIdle: [6, 4],
  keepInterval: [6, 5],
  keepCount: [6, 6],
  info: [6, 11],
  userTimeout: [6, 18],
  ipv6Only: [41, 26],
} as const satisfies Record<string, readonly [level: number, name: number]>;

type SocketOption = (typeof socketOptions)[keyof typeof socketOptions];

const originalDstOption = 80;
const levelIpv4 = 0;
const levelIpv6 = 41;
/** SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC */
const streamNonBlocking = 1 | 0o4000 | 0o2000000;
/** Offset of tcpi_data_segs_out in struct tcp_info: how many segments with data were sent. */
const dataSegmentsOut = 156;

/** Errno values that callers tell apart. */
export const errnoInProgress = 115;

function open() {
  const { symbols } = dlopen("libc.so.6", {
    socket: { args: ["int", "int", "int"], returns: "int" },
    bind: { args: ["int", "ptr", "int"], returns: "int" },
    listen: { args: ["int", "int"], returns: "int" },
    connect: { args: ["int", "ptr", "int"], returns: "int" },
    close: { args: ["int"], returns: "int" },
    getsockopt: { args: ["int", "int", "int", "ptr", "ptr"], returns: "int" },
    setsockopt: { args: ["int", "int", "int", "ptr", "int"], returns: "int" },
    getsockname: { args: ["int", "ptr", "ptr"], returns: "int" },
    open: { args: ["ptr", "int", "int"], returns: "int" },
    read: { args: ["int", "ptr", "usize"], returns: "int" },
    write: { args: ["int", "ptr", "usize"], returns: "int" },
    fchmod: { args: ["int", "int"], returns: "int" },
    rename: { args: ["ptr", "ptr"], returns: "int" },
    execve: { args: ["ptr", "ptr", "ptr"], returns: "int" },
    getrlimit: { args: ["int", "ptr"], returns: "int" },
    setns: { args: ["int", "int"], returns: "int" },
    send: { args: ["int", "ptr", "usize", "int"], returns: "int" },
    recv: { args: ["int", "ptr", "usize", "int"], returns: "int" },
    capget: { args: ["ptr", "ptr"], returns: "int" },
    capset: { args: ["ptr", "ptr"], returns: "int" },
    __errno_location: { args: [], returns: "ptr" },
  });
  const scratch = new DataView(new ArrayBuffer(256));
  const length = new DataView(new ArrayBuffer(4));
  return {
    symbols,
    scratch,
    bytes: new Uint8Array(scratch.buffer),
    scratchPointer: ptr(scratch),
    length,
    lengthPointer: ptr(length),
  };
}

/** Opened at the first call, so that programs which never touch a raw socket also run without this C library. */
const library: { opened: ReturnType<typeof open> | null } = { opened: null };

/** Bytes of the longest netlink message sent or received; the kernel's own send buffer is 208 KiB. */
export const netlinkLimit = 128 * 1024;

/** Made at the first netlink message: most programs never send one. */
const netlinkBuffer: { opened: { readonly bytes: Uint8Array; readonly pointer: ReturnType<typeof ptr> } | null } = {
  opened: null,
};

function libc(): ReturnType<typeof open> {
  library.opened ??= open();
  return library.opened;
}

function errno(): number {
  const location = libc().symbols.__errno_location();
  if (location === null) throw new MeshError("internal", "The C library has no errno");
  return read.i32(location, 0);
}

/** A new non-blocking, close-on-exec TCP socket of the address's family: its descriptor, or the negated errno. */
export function tcpSocket(ip: string): number {
  const fd = libc().symbols.socket(familyOf(ip), streamNonBlocking, 0);
  return fd < 0 ? -errno() : fd;
}

function withAddress(addr: SocketAddr, call: (size: number) => number): number {
  const encoded = encodeSockaddr(addr);
  libc().bytes.set(encoded);
  return call(encoded.length) < 0 ? errno() : 0;
}

/** Starts a connection; 0 or the errno, normally {@link errnoInProgress}. */
export function connectSocket(fd: number, addr: SocketAddr): number {
  const { symbols, scratchPointer } = libc();
  return withAddress(addr, (size) => symbols.connect(fd, scratchPointer, size));
}

/** 0 or the errno. */
export function bindSocket(fd: number, addr: SocketAddr): number {
  const { symbols, scratchPointer } = libc();
  return withAddress(addr, (size) => symbols.bind(fd, scratchPointer, size));
}

/** 0 or the errno. `backlog` counts connections that wait to be accepted. */
export function listenSocket(fd: number, backlog: number): number {
  return libc().symbols.listen(fd, backlog) < 0 ? errno() : 0;
}

/** The soft limit of open files (RLIMIT_NOFILE of getrlimit(2)); null where it can't be had. */
export function openFileSoftLimit(): number | null {
  const { symbols, scratch, scratchPointer } = libc();
  if (symbols.getrlimit(7, scratchPointer) < 0) return null;
  const soft = scratch.getBigUint64(0, true);
  return soft > 1_048_576n ? 1_048_576 : Number(soft);
}

/** Closes a descriptor that the runtime does not own. */
export function closeDescriptor(fd: number): void {
  libc().symbols.close(fd);
}

/** Sets a number option; 0 or the errno. */
export function setOption(fd: number, [level, name]: SocketOption, value: number): number {
  const { symbols, scratch, scratchPointer } = libc();
  scratch.setInt32(0, value, true);
  return symbols.setsockopt(fd, level, name, scratchPointer, 4) < 0 ? errno() : 0;
}

/** The value of a number option, or the negated errno. Reading `error` clears it. */
export function getOption(fd: number, [level, name]: SocketOption): number {
  const { symbols, scratch, scratchPointer, length, lengthPointer } = libc();
  length.setInt32(0, 4, true);
  return symbols.getsockopt(fd, level, name, scratchPointer, lengthPointer) < 0 ? -errno() : scratch.getInt32(0, true);
}

/** Whether any data was ever sent on a TCP socket; tells a refused attempt from a connection that was reset. */
export function hasSentData(fd: number): boolean {
  const { symbols, scratch, scratchPointer, length, lengthPointer } = libc();
  const [level, name] = socketOptions.info;
  length.setInt32(0, 256, true);
  if (symbols.getsockopt(fd, level, name, scratchPointer, lengthPointer) < 0) return false;
  return length.getInt32(0, true) >= dataSegmentsOut + 4 && scratch.getUint32(dataSegmentsOut, true) > 0;
}

/** Whether bytes, or the end of them, wait to be read. */
export function hasUnread(fd: number): boolean {
  const { symbols, scratchPointer } = libc();
  // MSG_PEEK | MSG_DONTWAIT
  return symbols.recv(fd, scratchPointer, 1, 0x42) >= 0;
}

/** Where the socket is bound, or null. */
export function localAddress(fd: number): SocketAddr | null {
  const { symbols, bytes, scratchPointer, length, lengthPointer } = libc();
  length.setInt32(0, 28, true);
  if (symbols.getsockname(fd, scratchPointer, lengthPointer) < 0) return null;
  return decodeSockaddr(bytes.subarray(0, 28));
}

/** The destination before the kernel redirected the connection (SO_ORIGINAL_DST of netfilter), or null when it did not. */
export function redirectedFrom(fd: number, version: 4 | 6): SocketAddr | null {
  const { symbols, bytes, scratchPointer, length, lengthPointer } = libc();
  length.setInt32(0, version === 4 ? 16 : 28, true);
  const level = version === 4 ? levelIpv4 : levelIpv6;
  if (symbols.getsockopt(fd, level, originalDstOption, scratchPointer, lengthPointer) < 0) return null;
  return decodeSockaddr(bytes.subarray(0, 28));
}

/**
 * Moves the calling thread into a network namespace, given as an open descriptor of its file; 0 or the errno.
 * The caller moves back before it gives the event loop a turn.
 */
export function enterNetworkNamespace(fd: number): number {
  return libc().symbols.setns(fd, 0x40000000) < 0 ? errno() : 0;
}

/**
 * Sends one message (or batch) to a netlink family of the thread's network namespace and gives what the kernel answered:
 * it works synchronously, so all answers wait when the call returns. The negated errno when the socket or the sending
 * fails. netlink(7)
 */
export function netlinkExchange(family: number, message: Uint8Array): Uint8Array[] | number {
  const { symbols } = libc();
  if (netlinkBuffer.opened === null) {
    const bytes = new Uint8Array(new ArrayBuffer(netlinkLimit));
    netlinkBuffer.opened = { bytes, pointer: ptr(bytes) };
  }
  const { bytes, pointer } = netlinkBuffer.opened;
  if (message.length > bytes.length) throw new MeshError("internal", "The netlink message is over the limit");
  // AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC
  const fd = symbols.socket(16, 3 | 0o2000000, family);
  if (fd < 0) return -errno();
  try {
    bytes.set(message);
    if (symbols.send(fd, pointer, message.length, 0) < 0) return -errno();
    const answers: Uint8Array[] = [];
    for (;;) {
      // MSG_DONTWAIT
      const size = symbols.recv(fd, pointer, bytes.length, 0x40);
      if (size <= 0) return answers;
      answers.push(bytes.slice(0, size));
    }
  } finally {
    symbols.close(fd);
  }
}

/**
 * Makes a permitted capability (its number in capabilities(7)) of this thread effective; false when it is not permitted.
 * A program file that carries a capability as permitted only, starts without it in effect.
 */
export function raiseCapability(number: number): boolean {
  const { symbols, scratch, scratchPointer } = libc();
  const version3 = 0x20080522;
  scratch.setUint32(0, version3, true);
  scratch.setInt32(4, 0, true);
  // The header takes 8 bytes, the sets behind it two times {effective, permitted, inheritable}.
  const sets = ptr(scratch, 8);
  if (symbols.capget(scratchPointer, sets) < 0) return false;
  const word = 8 + (number >> 5) * 12;
  const bit = (1 << (number & 31)) >>> 0;
  if ((scratch.getUint32(word + 4, true) & bit) === 0) return false;
  scratch.setUint32(word, scratch.getUint32(word, true) | bit, true);
  return symbols.capset(scratchPointer, sets) === 0;
}

/** O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC */
const createFlags = 1 | 0o100 | 0o1000 | 0o2000000;
/** O_RDONLY | O_CLOEXEC */
const readFlags = 0o2000000;
const ownerOnly = 0o600;

function cString(text: string): Uint8Array {
  const encoded = new TextEncoder().encode(text);
  const bytes = new Uint8Array(new ArrayBuffer(encoded.length + 1));
  bytes.set(encoded);
  return bytes;
}

/** The first `limit` bytes of a file, or the negated errno. Blocks: for small files and /proc. */
export function readFileBytes(path: string, limit: number): Uint8Array | number {
  const { symbols } = libc();
  const fd = symbols.open(ptr(cString(path)), readFlags, 0);
  if (fd < 0) return -errno();
  const bytes = new Uint8Array(new ArrayBuffer(limit));
  const start = ptr(bytes);
  let length = 0;
  let taken = 0;
  while (length < limit && (taken = symbols.read(fd, (start + length) as typeof start, limit - length)) > 0) {
    length += taken;
  }
  const failure = taken < 0 ? -errno() : 0;
  symbols.close(fd);
  return failure < 0 ? failure : bytes.slice(0, length);
}

/** Writes a file that only its owner may read, whatever mode it had; 0 or the errno. Blocks: for small files. */
export function writePrivateFile(path: string, content: Uint8Array): number {
  const { symbols } = libc();
  const fd = symbols.open(ptr(cString(path)), createFlags, ownerOnly);
  if (fd < 0) return errno();
  // The mode above counts only for a file that is new.
  let failure = symbols.fchmod(fd, ownerOnly) < 0 ? errno() : 0;
  const bytes = new Uint8Array(new ArrayBuffer(content.length));
  bytes.set(content);
  const start = ptr(bytes);
  for (let at = 0; failure === 0 && at < bytes.length;) {
    const taken = symbols.write(fd, (start + at) as typeof start, bytes.length - at);
    if (taken < 0) failure = errno();
    else at += taken;
  }
  symbols.close(fd);
  return failure;
}

/** Gives a file another name, in place of what has it; 0 or the errno. */
export function renameFile(from: string, to: string): number {
  return libc().symbols.rename(ptr(cString(from)), ptr(cString(to))) < 0 ? errno() : 0;
}

/** Puts another program into this process (execve(2)): answers only when that failed, with the errno. */
export function replaceProcess(path: string, argv: readonly string[], env: Readonly<Record<string, string>>): number {
  const list = (texts: readonly string[]): { readonly strings: Uint8Array[]; readonly pointers: BigUint64Array } => {
    const strings = texts.map(cString);
    const pointers = new BigUint64Array(new ArrayBuffer(8 * (texts.length + 1)));
    for (const [index, bytes] of strings.entries()) pointers[index] = BigInt(ptr(bytes));
    return { strings, pointers };
  };
  const words = list(argv);
  const variables = list(Object.entries(env).map(([name, value]) => `${name}=${value}`));
  const file = cString(path);
  libc().symbols.execve(ptr(file), ptr(words.pointers), ptr(variables.pointers));
  const failure = errno();
  // Whatever the pointers point to is alive until here.
  return words.strings.length + variables.strings.length + file.length > 0 ? failure : 0;
}
