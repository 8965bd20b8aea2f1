import { EventEmitter } from "node:events";
import type { FastifyReply } from "fastify";
import { afterAll, describe, expect, test } from "vitest";
import { ReplyRoom } from "../../../src/doors/http/reply-room.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { BareConnection, limitedServer } from "../../support/live-server.ts";

class FakeResponse extends EventEmitter {
  destroyed = false;
  destroy(): void {
    this.destroyed = true;
    this.emit("close");
  }
}

function world(bytesMax: number) {
  const clock = new FakeClock();
  const room = new ReplyRoom(clock, bytesMax);
  const reply = () => {
    const raw = new FakeResponse();
    return { raw, reply: { raw } as unknown as FastifyReply };
  };
  return { clock, room, reply };
}

describe("reply room", () => {
  test("held until it was sent or its connection has gone, once", () => {
    const { room, reply } = world(10_000);
    const one = reply();
    const other = reply();
    room.hold(one.reply, 5000);
    room.hold(other.reply, 5000);
    expect(room.heldBytes).toBe(10_000);
    one.raw.emit("finish");
    one.raw.emit("close");
    other.raw.emit("close");
    expect(room.heldBytes).toBe(0);
  });

  test("no room: the oldest are cut, but nobody within its second; else it is refused", () => {
    const { clock, room, reply } = world(10_000);
    const slow = reply();
    const fresh = reply();
    room.hold(slow.reply, 5000);
    clock.advance(900);
    room.hold(fresh.reply, 5000);
    expect(() => room.hold(reply().reply, 5000)).toThrow("retry later");
    expect(() => room.require()).toThrow("retry later");
    clock.advance(101);
    room.hold(reply().reply, 5000);
    expect([slow.raw.destroyed, fresh.raw.destroyed]).toEqual([true, false]);
    expect([room.heldBytes, room.cutCount]).toEqual([10_000, 1]);
  });

  test("larger than the room: is let in alone", () => {
    const { clock, room, reply } = world(10_000);
    const huge = reply();
    room.hold(huge.reply, 50_000);
    clock.advance(2000);
    room.hold(reply().reply, 50_000);
    expect([huge.raw.destroyed, room.heldBytes]).toEqual([true, 50_000]);
  });

  test("small ones are not counted, nor those whose client has gone", () => {
    const { room, reply } = world(10_000);
    room.hold(reply().reply, 4095);
    const gone = reply();
    gone.raw.destroyed = true;
    room.hold(gone.reply, 9000);
    expect(room.heldBytes).toBe(0);
  });

  test("a part of a stream: until it says so", () => {
    const { room, reply } = world(10_000);
    const release = room.holdPart(reply().reply.raw, 100);
    expect(room.heldBytes).toBe(100);
    release();
    release();
    expect(room.heldBytes).toBe(0);
  });
});

describe("readers that take nothing", async () => {
  const server = await limitedServer({ replyBytesInFlightMax: 8 << 20 });
  afterAll(() => server.close());

  test("hold no more than the room, and others are served meanwhile", async () => {
    const records = Array.from({ length: 8 }, () => ({ text: "x".repeat(900_000) }));
    const { status } = await server.call("POST", "/v1/topics/big/records", { json: { records } });
    expect(status).toBe(200);
    const path = "/v1/topics/big/partitions/0/records?maxBytes=8000000";
    const idle: BareConnection[] = [];
    for (let count = 0; count < 12; count++) {
      const connection = await BareConnection.open(server.port);
      connection.socket.pause();
      connection.send(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`);
      idle.push(connection);
    }
    let answer = await server.call("GET", path);
    for (let tries = 0; tries < 100 && answer.status !== 200; tries++) {
      expect(answer).toMatchObject({ status: 503, body: { code: "SERVER_OVERLOADED" } });
      await new Promise((resolve) => setTimeout(resolve, 50));
      answer = await server.call("GET", path);
    }
    expect(answer.status).toBe(200);
    expect(await server.metric("varve_http_reply_bytes")).toBeLessThanOrEqual(8 << 20);
    expect(await server.metric("varve_http_slow_readers_cut_total")).toBeGreaterThan(0);
    for (const connection of idle) connection.drop();
  });
});
