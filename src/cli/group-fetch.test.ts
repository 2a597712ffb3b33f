import { expect, test } from "bun:test";
import { createServer } from "node:net";
import { groupFetch } from "./group-fetch.ts";

test("each group gets a line of its own, and the answer comes back", async () => {
  let head = "";
  const server = createServer((socket) =>
    socket.once("data", (data) => {
      head = data.toString();
      socket.end("HTTP/1.1 409 Conflict\r\ncontent-length: 5\r\n\r\nhello");
    }),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address() as { readonly port: number };
  const answer = await groupFetch(["dev", "ops"])(`http://127.0.0.1:${address.port}/api?x=1`, {
    method: "POST",
    headers: { authorization: "Bearer t", "impersonate-user": "ada" },
    body: "{}",
  });
  expect({ status: answer.status, text: await answer.text() }).toEqual({ status: 409, text: "hello" });
  expect(head).toStartWith("POST /api?x=1 HTTP/1.1\r\n");
  expect(head.toLowerCase().match(/impersonate-group: \w+/g)).toEqual([
    "impersonate-group: dev",
    "impersonate-group: ops",
  ]);
  expect(head).toEndWith("\r\n\r\n{}");
  server.close();
});
