// A server of Node.js that tells each request it hears and each it refuses, one line each on standard output.
import { createServer } from "node:http";

const lines = [];
const tell = (line) => {
  if (lines.push(line) === 1) setImmediate(() => process.stdout.write(`${lines.splice(0).join("\n")}\n`));
};
const server = createServer((request, response) => {
  tell(`seen ${request.method} ${request.url} HTTP/${request.httpVersion}`);
  request.resume();
  request.on("error", () => {});
  request.on("end", () => response.end("ok\n"));
});
server.on("connect", (request, socket) => {
  tell(`seen ${request.method} ${request.url} HTTP/${request.httpVersion}`);
  socket.on("error", () => {});
  socket.end("HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
});
// An Expect that is not 100-continue.
server.on("checkExpectation", (request, response) => {
  tell(`seen ${request.method} ${request.url} HTTP/${request.httpVersion}`);
  response.writeHead(417, { connection: "close" });
  response.end();
});
server.on("clientError", (error, socket) => {
  // A connection that ends in the middle of a body that a request has begun is that request's.
  if (error.code !== "ECONNRESET" && error.code !== "HPE_INVALID_EOF_STATE") tell(`refused ${error.code}`);
  if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
});
server.listen(Number(process.argv[2]), "127.0.0.1");
